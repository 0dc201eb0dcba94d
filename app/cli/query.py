"""``query``: one question, several methods, one after another."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, emit, reporting, settings_and_workspace

if TYPE_CHECKING:
    from core.methods.base import Answer
    from core.methods.resources import Resources

_SHOWN_SOURCES = 3


def query(
    text: Annotated[str, typer.Option("--text", "-t", help="The question.")],
    method: Annotated[
        str, typer.Option("--method", "-m", help="Comma-separated: rag, cag, memory, closed-book.")
    ] = "rag,cag,memory,closed-book",
    plain: Annotated[
        bool, typer.Option("--plain", help="Read with the plain model, without the reader adapter.")
    ] = False,
    store: Annotated[
        str | None, typer.Option("--store", help="Where RAG searches; `index` builds it. Default: TESSERA_STORE.")
    ] = None,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Ask one question of several methods, one after another on the same model.

    Example: python -m app query --text "Who invented the drum lens?" --method rag,cag,memory
    """
    from core.errors import TesseraError
    from core.methods.base import answer
    from core.methods.registry import METHODS, open_method
    from core.methods.resources import Resources
    from core.models.bundle import Models

    with reporting(as_json):
        if not text.strip():
            raise TesseraError("The question is empty.", "Give one with --text.")
        names = [name.strip() for name in method.split(",") if name.strip()]
        if not names:
            raise TesseraError("No method was named.", f"Choose from: {', '.join(METHODS)}.")
        settings, ws = settings_and_workspace(workspace)
        settings = replace(settings, store=store or settings.store)
        resources = Resources(ws, Models(settings), reader=False if plain else None)
        answers: list[Answer] = []
        failures: dict[str, TesseraError] = {}
        for name in names:
            try:
                arm = open_method(name, resources)
                answer(arm, text)  # a warm-up: the clock shows a loaded method, not the loading of it
                answers.append(answer(arm, text))
            except TesseraError as error:
                failures[name] = error
        if not answers:
            raise failures[names[0]]
        if as_json:
            refused = [{"method": name, "error": e.what, "remedy": e.remedy} for name, e in failures.items()]
            emit({**report(text, answers, resources), "failures": refused})
            return
        for result in answers:
            _show(METHODS[result.method].label, result)
        for name, failure in failures.items():
            console.print(f"\n{name}: {failure}", markup=False, highlight=False)


def report(question: str, answers: list[Answer], resources: Resources) -> dict[str, Any]:
    """The answers as one JSON object: what ran, on what, and where the time went."""
    lm = resources.models.language_model(resources.reader)
    return {
        "question": question,
        "model": lm.identity.name,
        "reader": bool(lm.identity.adapter),
        "encoder": resources.settings.encoder,
        "device": str(lm.device),
        "dtype": lm.identity.dtype,
        "answers": [
            {
                "method": answer.method,
                "answer": answer.text,
                "evidence": [asdict(piece) for piece in answer.evidence],
                "trace": asdict(answer.trace),
                "details": answer.details,
            }
            for answer in answers
        ],
    }


def _show(label: str, answer: Answer) -> None:
    trace = answer.trace
    spans = ", ".join(f"{span.name} {span.ms:,.0f}" for span in trace.spans)
    counts = f"{trace.prompt_tokens:,} prefilled, {trace.cached_tokens:,} cached, {trace.generated_tokens:,} generated"
    sources = ", ".join(piece.title or piece.passage_id for piece in answer.evidence[:_SHOWN_SOURCES])
    console.print(f"\n[bold]{label}[/]: ", end="")
    console.print(answer.text or "(nothing)", markup=False, highlight=False)
    for name, line in (
        ("from", sources),
        ("clock", f"first token {trace.ttft_ms:,.0f} ms, all {trace.total_ms:,.0f} ms ({spans})"),
        ("tokens", counts),
    ):
        if line:
            console.print(f"  {name:<8}{line}", markup=False, highlight=False, soft_wrap=True)
