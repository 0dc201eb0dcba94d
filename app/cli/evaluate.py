"""``eval``: the methods over a set of questions, with intervals; ``judge``: a model scores their answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from app.cli.common import (
    MemoryOrderOption,
    PlainOption,
    QuestionsOption,
    RayOption,
    ReadingOption,
    SplitOption,
    WorkspaceOption,
    aside,
    command_line,
    console,
    deliver,
    drive,
    emit,
    open_resources,
    say,
    settings_and_workspace,
    wants_json,
    workers_for,
)
from core.normalise import comma_separated

if TYPE_CHECKING:
    from core.corpus.types import Corpus, Question
    from core.evaluation.questions import QuestionSet

_SHOWN = ("em", "f1", "coverage", "recall", "rouge_l")
_REFUSING = ("refusing_precision", "refusing_recall")


def evaluate(
    methods: Annotated[
        str | None,
        typer.Option(
            help="Methods, comma-separated; without it, the usual ones and those that read the same artefacts. With "
            "':plain' behind its name, a method reads without the reader adapter."
        ),
    ] = None,
    questions: QuestionsOption = None,
    split: SplitOption = "test",
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="Draw N questions by TESSERA_SEED; without it, ask all.")
    ] = None,
    plain: PlainOption = False,
    memory_order: MemoryOrderOption = None,
    reading: ReadingOption = None,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out methods whose artefacts are not built.")
    ] = False,
    ray: RayOption = None,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Ask every method the questions, one after another; print scores with 95 % intervals. Resumes where it stopped.

    Every answer and trace is kept in the workspace under runs/, with the full configuration of the run.

    Example: python -m app eval --split test --methods closed-book,bm25,rag,cag,memory
    """
    from core.evaluation.harness import evaluate as run_methods
    from core.evaluation.runs import plan_run, read_run, run_folder
    from core.evaluation.summary import summarise
    from core.evaluation.variants import parse_variants
    from core.methods.registry import evaluated_methods

    resources = open_resources(workspace, plain, memory_order=memory_order, reading=reading)
    settings, ws = resources.settings, resources.workspace
    chosen = parse_variants(evaluated_methods(settings) if methods is None else methods)
    with workers_for(ray, settings) as workers:
        question_set = _question_set(questions, split, resources.corpus)
        plan = plan_run(chosen, question_set, n, settings.seed, on_ray=workers is not None)
        folder = run_folder(resources, plan)
        drive(run_methods(resources, plan, folder, skip_missing, workers))
    summary = summarise(folder, [method.name for method in chosen])
    skipped = read_run(folder)["skipped"]
    deliver(
        {**summary, **_facts(read_run(folder)), "workspace": ws.name, "run": folder.name},
        lambda: _show(summary, skipped, str(folder)),
    )


def _facts(run: dict[str, Any]) -> dict[str, Any]:
    """The conditions that a table of the run names beside its numbers."""
    model = {name: run["model"][name] for name in ("name", "dtype")}
    return {"skipped": run["skipped"], "created": run["created"], "machine": run["machine"], "model": model}


def chosen_questions(path: Path | None, split: str, corpus: Corpus) -> tuple[Question, ...]:
    """Questions of a file whose gold passages are in the corpus; without a file, a split of the corpus' own.

    Raises:
        TesseraError: There is no such file or split, or no question is left.
        CorpusError: The file cannot be read.
    """
    return _question_set(path, split, corpus).questions


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


def _question_set(path: Path | None, split: str, corpus: Corpus) -> QuestionSet:
    from core.evaluation.questions import from_file, from_split

    if path is None:
        return from_split(corpus, split)
    question_set = from_file(path.name, _content(path), corpus)
    if question_set.outside:
        aside.print(f"{question_set.outside:,} questions are about passages outside this corpus and left out.")
    return question_set


def _content(path: Path) -> bytes:
    from core.errors import TesseraError

    if not path.is_file():
        raise TesseraError(f"There is no questions file {path}.", "Give a JSONL file.")
    return path.read_bytes()


def _show(summary: dict[str, Any], skipped: dict[str, str], folder: str) -> None:
    from core.evaluation.scoring import LABELS

    shown = [name for name in (*_SHOWN, *_REFUSING) if any(name in scores for scores in summary["methods"].values())]
    table = Table("method", "n", *(LABELS[name] for name in shown), "first token ms", "total ms", "MB / 1,000 docs")
    for name, scores in summary["methods"].items():
        cells = [_cell(scores.get(metric)) for metric in shown]
        clocks = [f"{scores[clock]['median']:,.0f}" for clock in ("ttft_ms", "total_ms")]
        weight = summary["efficiency"][name]["bytes_per_1000_documents"] / 1e6
        table.add_row(name, str(scores["total_ms"]["n"]), *cells, *clocks, f"{weight:,.1f}")
    console.print(table)
    console.print("Mean (95 % bootstrap interval); times are medians; storage includes the text a method reads.")
    if summary["unanswerable"]:
        console.print(f"{summary['unanswerable']:,} of the questions have no answer: they count for refusing alone.")
    if summary["damaged"]:
        console.print(f"{summary['damaged']:,} kept lines are damaged and left out; what they held is asked again.")
    _show_hops(summary["hops"])
    for name, why in skipped.items():
        console.print(f"{name} was left out: {why}.")
    say(f"Answers and configuration: {folder}")


def _show_hops(hops: dict[str, Any]) -> None:
    if not hops:
        return
    table = Table(
        "method", "kind", "n", "first hop", "second hop", "only first", "only second", "neither", title="Hops"
    )
    for name, groups in hops.items():
        for kind, group in groups.items():
            shares = [
                f"{group[part]:.2f}" if part in group else "" for part in ("only_first", "only_second", "neither")
            ]
            table.add_row(name, kind, str(group["n"]), *(_cell(hop) for hop in group["hops"][:2]), *shares)
    console.print(table)


def _cell(interval: dict[str, float] | None) -> str:
    return f"{interval['mean']:.2f} ({interval['lo']:.2f}-{interval['hi']:.2f})" if interval else ""


_JUDGED = ("ragas_faithfulness", "ragas_relevancy")


def judge(
    run: Annotated[str, typer.Option(help="Name of the run (eval-...); the latest when empty.")] = "",
    methods: Annotated[str, typer.Option(help="Comma-separated methods; all of the run when empty.")] = "",
    workspace: WorkspaceOption = "sample",
) -> None:
    """Score the answers of an evaluation with Ragas, through TESSERA_JUDGE_URL and TESSERA_JUDGE_MODEL.

    Questions, answers and evidence go to that endpoint. Needs `make ragas` once; goes on where it stopped.

    Example: python -m app judge --methods rag,cag,memory
    """
    from core.errors import TesseraError
    from core.evaluation.runs import list_runs
    from core.evaluation.summary import summarise
    from core.labs.judge.judging import Judge, judge_run, ragas_python

    settings, ws = settings_and_workspace(workspace)
    runs = {folder.name: folder for folder in list_runs(ws)}
    folder = runs.get(run) if run else next(iter(runs.values()), None)
    if folder is None:
        remedy = f"Run `{command_line('eval', workspace)}` first."
        raise TesseraError(f"There is no run {run or 'to judge'} in {ws.name}.", remedy)
    judge_model = Judge.from_settings(settings)
    chosen = comma_separated(methods) or None
    drive(judge_run(folder, judge_model, ragas_python(), chosen))
    scores = summarise(folder, chosen)["methods"]
    judged = {method: {name: row[name] for name in _JUDGED if name in row} for method, row in scores.items()}
    if wants_json():
        emit({"workspace": ws.name, "run": folder.name, "judge": judge_model.name, "methods": judged})
        return
    table = Table("method", "n", "faithfulness", "answer relevancy", title=f"Judged by {judge_model.name}")
    for method, metrics in judged.items():
        cells = [_cell(metrics.get(name)) for name in _JUDGED]
        table.add_row(method, str(max((metric["n"] for metric in metrics.values()), default=0)), *cells)
    console.print(table)
