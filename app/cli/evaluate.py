"""``eval``: the arms over a set of questions, with intervals."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, aside, console, drive, emit, reporting, settings_and_workspace

if TYPE_CHECKING:
    from core.corpus.types import Corpus, Question


def evaluate(
    methods: Annotated[str, typer.Option(help="Comma-separated arms.")] = "closed-book,rag,cag,memory",
    questions: Annotated[
        Path | None, typer.Option(help="A questions file (JSONL); without it, the corpus' own questions.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which of the corpus' own questions: train, dev or test.")] = "test",
    n: Annotated[int | None, typer.Option("--n", min=1, help="Ask the first N questions.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Read without the reader adapter.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Ask questions of every arm, one arm after another; print scores with 95 % intervals. Resumes where it stopped.

    Example: python -m app eval --split test --methods closed-book,rag,cag,memory
    """
    from core.evaluation import harness
    from core.methods.resources import Resources
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        resources = Resources(ws, Models(settings), reader=False if plain else None)
        asked = chosen_questions(questions, split, resources.corpus)[:n]
        names = [name.strip() for name in methods.split(",") if name.strip()]
        folder = harness.run_folder(resources, names, asked)
        drive(harness.evaluate(resources, names, asked, folder))
        summary = harness.summarise(folder, names, settings.seed)
        if as_json:
            emit({**summary, "workspace": ws.name, "run": folder.name})
        else:
            _show(summary)


def chosen_questions(path: Path | None, split: str, corpus: Corpus) -> tuple[Question, ...]:
    """Questions of a file whose gold passages are in the corpus; without a file, a split of the corpus' own.

    Raises:
        TesseraError: There is no such file or split.
        CorpusError: The file cannot be read.
    """
    everything = every_question(path, split, corpus)
    if path is None:
        return everything
    known = set(corpus.index())
    asked = tuple(question for question in everything if set(question.passage_ids) <= known)
    if len(asked) < len(everything):
        aside.print(f"{len(everything) - len(asked)} questions are about passages outside this corpus and left out.")
    return asked


def every_question(path: Path | None, split: str, corpus: Corpus) -> tuple[Question, ...]:
    """Questions of a file, whatever they are about; without a file, a split of the corpus' own.

    Raises:
        TesseraError: There is no such file or split.
        CorpusError: The file cannot be read.
    """
    from core.corpus.folder import read_questions
    from core.errors import TesseraError

    if path is None:
        if not corpus.questions.get(split):
            has = ", ".join(corpus.questions) or "none"
            raise TesseraError(f"The corpus has no {split!r} questions; it has: {has}.", "Give --split or --questions.")
        return corpus.questions[split]
    if not path.is_file():
        raise TesseraError(f"There is no questions file {path}.", "Give a JSONL file.")
    return tuple(read_questions(path.name, path.read_bytes(), _Anything()))


class _Anything(Container[str]):
    """Contains every id: which passages are there is looked at afterwards."""

    def __contains__(self, key: object) -> bool:
        return True


def _show(summary: dict[str, Any]) -> None:
    table = Table("arm", "EM", "F1", "coverage", "recall", "ROUGE-L", "first token ms", "total ms")
    for name, scores in summary["methods"].items():
        cells = [_cell(scores.get(metric)) for metric in ("em", "f1", "coverage", "recall", "rouge_l")]
        clocks = [f"{scores[clock]['median']:,.0f}" for clock in ("ttft_ms", "total_ms")]
        table.add_row(name, *cells, *clocks)
    console.print(table)
    console.print(f"n = {summary['questions']}; mean (95 % bootstrap interval); times are medians.")


def _cell(interval: dict[str, float] | None) -> str:
    return f"{interval['mean']:.2f} ({interval['lo']:.2f}-{interval['hi']:.2f})" if interval else ""
