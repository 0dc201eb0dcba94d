"""``query``: one question, several methods, one after another."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import (
    EXIT_SOME_FAILED,
    JsonOption,
    MemoryOrderOption,
    WorkspaceOption,
    console,
    emit,
    open_resources,
    remedy_of,
    reporting,
    warn,
)

if TYPE_CHECKING:
    from core.methods.base import Answer
    from core.methods.resources import Resources

_SHOWN_SOURCES = 3


def query(
    text: Annotated[str, typer.Option("--text", "-t", help="The question.")],
    method: Annotated[
        str | None, typer.Option("--method", "-m", help="Methods, comma-separated; without it, the usual ones.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Read with the plain model, without the reader adapter.")
    ] = False,
    store: Annotated[
        str | None, typer.Option("--store", help="Where RAG searches; `index` builds it. Default: TESSERA_STORE.")
    ] = None,
    memory_order: MemoryOrderOption = None,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Ask one question of several methods, one after another on the same model.

    Exit code 0: every method answered; 3: some could not, and why is said; 1: none could.

    Example: python -m app query --text "Who invented the drum lens?" --method rag,cag,memory
    """
    from core.errors import TesseraError
    from core.messages import message
    from core.methods.comparison import Choices, Failed, OpenMethods, Run, answer_each, describe_run
    from core.methods.registry import METHODS, usual_methods

    with reporting(as_json):
        if not text.strip():
            raise TesseraError("The question is empty.", "Give one with --text.")
        given = usual_methods() if method is None else method.split(",")
        names = [name.strip() for name in given if name.strip()]
        if not names:
            raise TesseraError("No method was named.", message("Choose from: {names}.", names=", ".join(METHODS)))
        resources = open_resources(workspace, plain, store=store, memory_order=memory_order)
        settings = resources.settings
        run = Run(
            Choices(resources.workspace.name, text, tuple(names), settings.reader, settings.top_k, settings.store)
        )
        failures: dict[str, TesseraError] = {}
        for name, happening in answer_each(run, OpenMethods().opener(resources), resources.models.lock):
            if isinstance(happening, Failed) and happening.error:
                failures[name] = happening.error
        answers = list(run.answers.values())
        if not answers:
            raise failures[names[0]]
        describe_run(run, resources)
        if as_json:
            refused = [{"method": name, "error": e.what, "remedy": remedy_of(e)} for name, e in failures.items()]
            emit({**report(text, answers, resources), "warnings": list(run.warnings), "failures": refused})
        else:
            for result in answers:
                _show(METHODS[result.method].label, result)
            warn(run.warnings)
            for name, failure in failures.items():
                console.print(f"\n{name}: {failure.what} {remedy_of(failure)}", markup=False, highlight=False)
        if failures:
            raise typer.Exit(EXIT_SOME_FAILED)


def report(question: str, answers: list[Answer], resources: Resources) -> dict[str, Any]:
    """The answers as one JSON object: what ran, on what, and where the time went."""
    engine = resources.engine()
    return {
        "question": question,
        "model": engine.identity.name,
        "reader": bool(engine.identity.adapter),
        "encoder": resources.settings.encoder,
        "device": engine.where,
        "dtype": engine.identity.dtype,
        "answers": [
            {
                "method": answer.method,
                "answer": answer.text,
                "evidence": [piece.to_json() for piece in answer.evidence],
                "trace": asdict(answer.trace),
                "details": answer.details,
            }
            for answer in answers
        ],
    }


def _show(label: str, answer: Answer) -> None:
    trace = answer.trace
    spans = ", ".join(f"{span.name} {span.ms:,.0f}" for span in trace.spans)
    reused = "reuse not reported" if trace.cached_tokens is None else f"{trace.cached_tokens:,} cached"
    counts = f"{trace.prompt_tokens:,} prefilled, {reused}, {trace.generated_tokens:,} generated"
    sources = "; ".join(piece.cited for piece in answer.evidence[:_SHOWN_SOURCES])
    console.print(f"\n[bold]{label}[/]: ", end="")
    console.print(answer.text or "(nothing)", markup=False, highlight=False)
    for name, line in (
        ("from", sources),
        ("clock", f"first token {trace.ttft_ms:,.0f} ms, all {trace.total_ms:,.0f} ms ({spans})"),
        ("tokens", counts),
    ):
        if line:
            console.print(f"  {name:<8}{line}", markup=False, highlight=False, soft_wrap=True)
