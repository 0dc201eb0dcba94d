"""``query``: one question, several methods, one after another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, aside, console, emit, reporting, settings_and_workspace


def query(
    text: Annotated[str, typer.Option("--text", "-t", help="The question.")],
    method: Annotated[
        str, typer.Option("--method", "-m", help="Comma-separated: rag, cag, memory, closed-book.")
    ] = "rag,cag,memory,closed-book",
    plain: Annotated[
        bool, typer.Option("--plain", help="Read with the plain model, without the reader adapter.")
    ] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Ask one question of several methods, one after another on the same model.

    Example: python -m app query --text "Who invented the drum lens?" --method rag,cag,memory
    """
    from core.errors import TesseraError
    from core.methods.base import Answer, answer
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
        resources = Resources(ws, Models(settings), reader=False if plain else None)
        answers: list[Answer] = []
        for name in names:
            arm = open_method(name, resources)
            answer(arm, text)  # a warm-up: the clock shows a loaded method, not the loading of it
            answers.append(answer(arm, text))
            if not as_json:
                aside.print(f"[dim]{METHODS[name].label} answered.[/]")
        if as_json:
            emit(report(text, answers, resources))
        else:
            _show(answers)


def report(question: str, answers: list[Any], resources: Any) -> dict[str, Any]:
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


def _show(answers: list[Any]) -> None:
    table = Table("method", "answer", "first token ms", "total ms", "prompt", "cached", "generated", "evidence")
    for answer in answers:
        trace = answer.trace
        counts = (trace.prompt_tokens, trace.cached_tokens, trace.generated_tokens)
        sources = ", ".join(piece.title or piece.passage_id for piece in answer.evidence[:3])
        table.add_row(
            answer.method,
            answer.text.replace("[", "\\["),
            f"{trace.ttft_ms:,.0f}",
            f"{trace.total_ms:,.0f}",
            *(f"{count:,}" for count in counts),
            sources.replace("[", "\\["),
        )
    console.print(table)
