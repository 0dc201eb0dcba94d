"""``eval``: the arms over a set of questions, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, aside, console, drive, emit, reporting, settings_and_workspace

if TYPE_CHECKING:
    from core.corpus.types import Corpus, Question
    from core.evaluation.questions import Asked

_SHOWN = ("em", "f1", "coverage", "recall", "rouge_l")


def evaluate(
    methods: Annotated[
        str,
        typer.Option(
            help="Comma-separated arms: closed-book, bm25, rag, redis-rag, cag, memory, oracle, wrong-cell, "
            "shuffled-memory; with ':plain' behind it, an arm reads without the reader adapter."
        ),
    ] = "closed-book,bm25,rag,cag,memory",
    questions: Annotated[
        Path | None, typer.Option(help="A questions file (JSONL); without it, the corpus' own questions.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which of the corpus' own questions: train, dev or test.")] = "test",
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="Draw N questions by TESSERA_SEED; without it, ask all.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="All arms read without the reader adapter.")] = False,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out arms whose artefacts are not built.")
    ] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Ask questions of every arm, one arm after another; print scores with 95 % intervals. Resumes where it stopped.

    Every answer and trace is kept in the workspace under runs/, with the full configuration of the run.

    Example: python -m app eval --split test --methods closed-book,bm25,rag,cag,memory
    """
    from core.evaluation.arms import parse_arms
    from core.evaluation.harness import evaluate as run_arms
    from core.evaluation.questions import draw
    from core.evaluation.runs import Plan, read_run, run_folder
    from core.evaluation.summary import summarise
    from core.methods.resources import Resources
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        arms = parse_arms(methods)
        resources = Resources(ws, Models(settings), reader=False if plain else None)
        asked = _asked(questions, split, resources.corpus)
        plan = Plan(arms, draw(asked.questions, n, settings.seed), asked.source, len(asked.questions), settings.seed)
        folder = run_folder(resources, plan)
        drive(run_arms(resources, plan, folder, skip_missing))
        summary = summarise(folder, [arm.name for arm in arms])
        skipped = read_run(folder)["skipped"]
        if as_json:
            emit({**summary, "skipped": skipped, "workspace": ws.name, "run": folder.name})
        else:
            _show(summary, skipped, str(folder))


def chosen_questions(path: Path | None, split: str, corpus: Corpus) -> tuple[Question, ...]:
    """Questions of a file whose gold passages are in the corpus; without a file, a split of the corpus' own.

    Raises:
        TesseraError: There is no such file or split, or no question is left.
        CorpusError: The file cannot be read.
    """
    return _asked(path, split, corpus).questions


def every_question(path: Path | None, split: str, corpus: Corpus) -> tuple[Question, ...]:
    """Questions of a file, whatever they are about; without a file, a split of the corpus' own.

    Raises:
        TesseraError: There is no such file or split.
        CorpusError: The file cannot be read.
    """
    from core.corpus.folder import ANYTHING, read_questions
    from core.evaluation.questions import from_split

    if path is None:
        return from_split(corpus, split).questions
    return tuple(read_questions(path.name, _content(path), ANYTHING))


def _asked(path: Path | None, split: str, corpus: Corpus) -> Asked:
    from core.evaluation.questions import from_file, from_split

    if path is None:
        return from_split(corpus, split)
    asked = from_file(path.name, _content(path), corpus)
    if asked.outside:
        aside.print(f"{asked.outside:,} questions are about passages outside this corpus and left out.")
    return asked


def _content(path: Path) -> bytes:
    from core.errors import TesseraError

    if not path.is_file():
        raise TesseraError(f"There is no questions file {path}.", "Give a JSONL file.")
    return path.read_bytes()


def _show(summary: dict[str, Any], skipped: dict[str, str], folder: str) -> None:
    from core.evaluation.scoring import LABELS

    table = Table("arm", "n", *(LABELS[name] for name in _SHOWN), "first token ms", "total ms", "MB / 1,000 docs")
    for name, scores in summary["methods"].items():
        cells = [_cell(scores.get(metric)) for metric in _SHOWN]
        clocks = [f"{scores[clock]['median']:,.0f}" for clock in ("ttft_ms", "total_ms")]
        weight = summary["efficiency"][name]["bytes_per_1000_documents"] / 1e6
        table.add_row(name, str(scores["em"]["n"]), *cells, *clocks, f"{weight:,.1f}")
    console.print(table)
    console.print("Mean (95 % bootstrap interval); times are medians; storage includes the text an arm reads.")
    _show_hops(summary["hops"])
    for name, why in skipped.items():
        console.print(f"{name} was left out: {why}.")
    console.print(f"Answers and configuration: {folder}", soft_wrap=True)


def _show_hops(hops: dict[str, Any]) -> None:
    if not hops:
        return
    table = Table("arm", "kind", "n", "first hop", "second hop", "only first", "only second", "neither", title="Hops")
    for name, groups in hops.items():
        for kind, group in groups.items():
            shares = [
                f"{group[part]:.2f}" if part in group else "" for part in ("only_first", "only_second", "neither")
            ]
            table.add_row(name, kind, str(group["n"]), *(_cell(hop) for hop in group["hops"][:2]), *shares)
    console.print(table)


def _cell(interval: dict[str, float] | None) -> str:
    return f"{interval['mean']:.2f} ({interval['lo']:.2f}-{interval['hi']:.2f})" if interval else ""
