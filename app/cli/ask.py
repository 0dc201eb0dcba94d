"""``ask``: Redis RAG with its answer cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, emit, open_resources, reporting, warn

if TYPE_CHECKING:
    from core.methods.base import Answer


def ask(
    text: Annotated[str, typer.Option("--text", "-t", help="The question.")],
    distance: Annotated[
        float,
        typer.Option(
            help="Cosine distance up to which a question in slightly other words may count as the same; 0: never."
        ),
    ] = 0.0,
    ttl: Annotated[int, typer.Option(help="Seconds the answer is kept.")] = 24 * 3600,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Answer anew, and keep nothing.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Read without the reader adapter.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Ask Redis RAG; an answer given before comes from the cache, and says so.

    Example: python -m app ask --text "Who invented the drum lens?"
    """
    from core.errors import TesseraError
    from core.methods.base import answer
    from core.methods.redis_rag import RedisRag
    from core.methods.unread import script_warnings

    with reporting(as_json):
        if not text.strip():
            raise TesseraError("The question is empty.", "Give one with --text.")
        resources = open_resources(workspace, plain)
        result = answer(RedisRag(resources, cache=not no_cache, distance=distance, ttl_s=ttl), text)
        prompt = None if resources.settings.engine_url else resources.models.prompt()
        warnings = script_warnings(text, resources.models.encoder(), prompt, resources.settings.model)
        if as_json:
            from app.cli.query import report

            emit({**report(text, [result], resources), "warnings": list(warnings)})
        else:
            _show(result)
            warn(warnings)


def _show(result: Answer) -> None:
    from core.methods.answer_cache import cache_sentence

    trace = result.trace
    spans = ", ".join(f"{span.name} {span.ms:,.1f}" for span in trace.spans)
    sources = "; ".join(piece.cited for piece in result.evidence)
    console.print(result.text or "(nothing)", markup=False, highlight=False)
    for name, line in (
        ("from", sources),
        ("cache", cache_sentence(result.details)),
        ("clock", f"first token {trace.ttft_ms:,.1f} ms, all {trace.total_ms:,.1f} ms ({spans})"),
    ):
        if line:
            console.print(f"  {name:<8}{line}", markup=False, highlight=False, soft_wrap=True)
