"""``query``: one question, several methods, one after another; ``ask``: Redis RAG with its answer cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import (
    EXIT_SOME_FAILED,
    MemoryOrderOption,
    PlainOption,
    QuestionOption,
    ReadingOption,
    WorkspaceOption,
    console,
    emit,
    open_resources,
    remedy_of,
    say,
    wants_json,
    warn,
)
from core.normalise import comma_separated

if TYPE_CHECKING:
    from core.methods.base import Answer, Method
    from core.methods.comparison import Run
    from core.methods.resources import Resources

_SHOWN_SOURCES = 3


def query(
    text: QuestionOption,
    method: Annotated[
        str | None, typer.Option("--method", "-m", help="Methods, comma-separated; without it, the usual ones.")
    ] = None,
    plain: PlainOption = False,
    store: Annotated[
        str | None, typer.Option("--store", help="Where RAG searches; `index` builds it. Default: TESSERA_STORE.")
    ] = None,
    memory_order: MemoryOrderOption = None,
    reading: ReadingOption = None,
    ray: Annotated[
        bool, typer.Option("--ray", help="Ask the replicas that `serve-cells` runs; for the method cag_cell.")
    ] = False,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Ask one question of several methods, one after another on the same model.

    Exit code 0: every method answered; 3: some could not, and why is said; 1: none could.

    Example: python -m app query --text "Who invented the drum lens?" --method rag,cag,memory
    """
    from core.errors import TesseraError
    from core.evaluation.lessons import known_question
    from core.methods.comparison import Choices, Failed, OpenMethods, Run, answer_each, describe_run
    from core.methods.registry import METHODS, default_methods, require_some

    if not text.strip():
        raise TesseraError("The question is empty.", "Give one with --text.")
    names = default_methods() if method is None else comma_separated(method)
    require_some(names)
    resources = open_resources(workspace, plain, store=store, memory_order=memory_order, reading=reading)
    settings = resources.settings
    choices = Choices(resources.workspace.name, text, tuple(names), settings.reader, settings.top_k, settings.store)
    run = Run(choices, gold=known_question(text, resources))
    failures: dict[str, TesseraError] = {}
    with _replicas(resources, names) if ray else nullcontext(OpenMethods().opener(resources)) as opener:
        for name, event in answer_each(run, opener, resources.models.lock):
            if isinstance(event, Failed) and event.error:
                failures[name] = event.error
    if not run.answers:
        raise failures[names[0]]
    describe_run(run, resources)
    if wants_json():
        refused = {name: {"error": error.what, "remedy": remedy_of(error)} for name, error in failures.items()}
        emit({**_record(run), "failures": refused})
    else:
        for name, result in run.answers.items():
            _show_query(METHODS[name].label, result, _verdict_line(run, result))
        warn(run.warnings)
        for name, failure in failures.items():
            say(f"\n{name}: {failure.what} {remedy_of(failure)}")
    if failures:
        raise typer.Exit(EXIT_SOME_FAILED)


@contextmanager
def _replicas(resources: Resources, names: Sequence[str]) -> Iterator[Callable[[str], Method]]:
    """Opens the one method that replicas answer.

    Raises:
        TesseraError: Another method was named, or there are no replicas.
    """
    from core.distributed.serving import CellsOnRay, open_cells
    from core.errors import TesseraError

    if others := [name for name in names if name != CellsOnRay.name]:
        raise TesseraError(
            f"Replicas answer for {CellsOnRay.name} alone, not for {', '.join(others)}.",
            f"Give --method {CellsOnRay.name}, or leave --ray out.",
        )
    with open_cells(resources) as method:
        yield lambda name: method


def _record(run: Run) -> dict[str, Any]:
    from app.export import record  # brings Plotly: only where it is written

    return record(run)


def _verdict_line(run: Run, answer: Answer) -> str:
    from core.evaluation.verdict import verdict_on

    verdict = verdict_on(answer, run.gold, run.gold_cells)
    return f"{verdict.style.symbol} {verdict.style.label}. {verdict.why}"


def _show_query(label: str, answer: Answer, verdict: str) -> None:
    from core.methods.answer_cache import cache_sentence

    trace = answer.trace
    spans = ", ".join(f"{span.name} {span.ms:,.0f}" for span in trace.spans)
    reused = "reuse not reported" if trace.cached_tokens is None else f"{trace.cached_tokens:,} cached"
    counts = f"{trace.prompt_tokens:,} prefilled, {reused}, {trace.generated_tokens:,} generated"
    sources = "; ".join(piece.cited for piece in answer.evidence[:_SHOWN_SOURCES])
    console.print(f"\n[bold]{label}[/]: ", end="")
    say(answer.text or "(nothing)")
    for name, line in (
        ("verdict", verdict),
        ("from", sources),
        ("cache", cache_sentence(answer.details)),
        ("clock", f"first token {trace.ttft_ms:,.0f} ms, all {trace.total_ms:,.0f} ms ({spans})"),
        ("tokens", counts),
    ):
        if line:
            say(f"  {name:<8}{line}")


def ask(
    text: QuestionOption,
    distance: Annotated[
        float,
        typer.Option(
            help="Cosine distance up to which a question in slightly other words may count as the same; 0: never."
        ),
    ] = 0.0,
    ttl: Annotated[int, typer.Option(help="Seconds the answer is kept.")] = 24 * 3600,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Answer anew, and keep nothing.")] = False,
    plain: PlainOption = False,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Ask Redis RAG; an answer given before comes from the cache, and says so.

    Example: python -m app ask --text "Who invented the drum lens?"
    """
    from core.errors import TesseraError
    from core.evaluation.lessons import known_question
    from core.methods.base import answer
    from core.methods.comparison import Choices, Run, describe_run
    from core.methods.redis_rag import RedisRag
    from core.methods.registry import METHODS

    if not text.strip():
        raise TesseraError("The question is empty.", "Give one with --text.")
    resources = open_resources(workspace, plain)
    ws, settings = resources.workspace, resources.settings
    result = answer(RedisRag(resources, cache=not no_cache, distance=distance, ttl_s=ttl), text)
    choices = Choices(ws.name, text, (result.method,), settings.reader, settings.top_k)
    run = Run(choices, known_question(text, resources), "done", {result.method: result})
    describe_run(run, resources)
    if wants_json():
        emit(_record(run))
    else:
        _show_query(METHODS[result.method].label, result, _verdict_line(run, result))
        warn(run.warnings)
