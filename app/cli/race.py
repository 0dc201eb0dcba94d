"""``race``: change one document and watch every method until it first answers right about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from app.cli.common import WorkspaceOption, console, deliver, drive, open_resources, say
from app.cli.document import FileOption, TextOption, document, unseen_document
from core.units import plural, seconds

if TYPE_CHECKING:
    from core.corpus.types import Corpus, Question
    from core.labs.changes.change import Change
    from core.labs.changes.results import MethodResult
    from core.models.registry import Models


def race(
    change: Annotated[str, typer.Option(help="What happens to the document: add, edit or delete.")] = "add",
    passage_id: Annotated[
        str, typer.Option("--id", help="Id of the passage to edit or delete; without it, an example.")
    ] = "",
    text: TextOption = "",
    file: FileOption = None,
    title: Annotated[str, typer.Option(help="Its title; an edited passage keeps its own.")] = "",
    unseen: Annotated[int, typer.Option(min=1, help="Without --text and --file, add this unseen sample passage.")] = 1,
    question: Annotated[str, typer.Option(help="A question about the passage.")] = "",
    answer: Annotated[list[str] | None, typer.Option(help="An accepted answer; may be given again.")] = None,
    methods: Annotated[
        str, typer.Option("--methods", help="Who runs, comma-separated: rag, cag, memory, bm25.")
    ] = "rag,cag,memory",
    n: Annotated[int, typer.Option("--n", min=0, help="Old questions asked before and after.")] = 20,
    split: Annotated[str, typer.Option(help="Their split; without it test, else dev, else train.")] = "",
    steps: Annotated[int, typer.Option(min=1, help="Most optimiser steps of the memory.")] = 50,
    every: Annotated[int, typer.Option(min=1, help="Steps between two questions to it.")] = 5,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Add, edit or delete one document and time each method from the change to its first right answer about it.

    Each method makes the change for real in a throw-away copy; the workspace stays as it is. The same old questions are
    asked before and after: what did the change break?

    Example: python -m app race --change edit
    """
    from core.labs.changes.race import race as run
    from core.labs.changes.report import RaceConfig, report
    from core.labs.changes.results import old_questions, results_of
    from core.labs.changes.updaters.registry import parse_methods

    resources = open_resources(workspace)
    config = RaceConfig(parse_methods(methods), steps, every)
    own_question = _question(question, answer or [])
    changed = _change(change, resources.corpus, passage_id, text, file, title, unseen, own_question, resources.models)
    old = old_questions(resources.corpus, changed, n, resources.settings.seed, split)
    history: list[Any] = []
    drive(run(resources, changed, config, old), lambda step: history.append(step.data))
    deliver(report(history), lambda: _show(changed, results_of(history)))


def _question(text: str, answers: Sequence[str]) -> Question | None:
    """A question of one's own; None when there is neither question nor answer."""
    from core.labs.changes.examples import question_of

    return question_of(text, tuple(answers)) if text.strip() or answers else None


def _change(
    kind: str,
    corpus: Corpus,
    passage_id: str,
    text: str,
    file: Path | None,
    title: str,
    unseen: int,
    question: Question | None,
    models: Models,
) -> Change:
    """The change that the options name, or the example that they leave room for."""
    from dataclasses import replace

    from core.corpus.types import Passage
    from core.errors import TesseraError
    from core.labs.changes.change import KINDS
    from core.labs.changes.examples import added, deletion, edit_of, edited, example_edit, passage_of

    new_text: Passage | None = document(text, file, title, models.prompt().count) if text.strip() or file else None
    if kind not in KINDS:
        raise TesseraError(f"There is no change {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    if kind == "add":
        passage, questions = (new_text, ()) if new_text else unseen_document(unseen)
        return added(replace(passage, id=passage_id or passage.id), question, questions)
    if kind == "delete":
        return deletion(corpus, passage_of(corpus, passage_id).id if passage_id else "", question)
    if not passage_id and not new_text:
        return example_edit(corpus, question)
    return edit_of(corpus, edited(corpus, passage_id, new_text.text if new_text else "", title), question)


def _show(change: Change, results: Sequence[MethodResult]) -> None:
    from core.methods.registry import METHODS

    say(f"{change.kind} {change.passage.id!r}: {change.question.text}")
    table = Table("method", "first right after", "stages", "answer before", "answer after")
    for result in results:
        stages = ", ".join(f"{name} {seconds(ms)}" for name, ms in result.by_stage().items())
        before = result.before.answer if result.before else ""
        after = result.attempts[-1].answer if result.attempts else ""
        known = result.state if result.known_ms is None else seconds(result.known_ms)
        cells = (METHODS[result.method].label, known, stages or result.reason, before, after)
        table.add_row(*map(Text, cells))  # as it stands: an answer may hold what looks like markup
    console.print(table)
    for result in results:
        for what, regressions in (("old question", result.regressions), ("further question about it", result.about)):
            if regressions:
                f = regressions.figures()
                console.print(
                    f"{METHODS[result.method].label}: of {plural(int(f['n']), what)}, {f['changed']:.0f} answered "
                    f"differently, {f['broken']:.0f} right became wrong, {f['mended']:.0f} wrong became right; "
                    f"EM {f['em_before']:.2f} before, {f['em_after']:.2f} after."
                )
