"""``link``: from independent blocks to the exact prefill, one number of link tokens after another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, aside, console, emit, open_resources, reporting


def link(
    text: Annotated[str, typer.Option("--text", "-t", help="The question.")],
    tokens: Annotated[str, typer.Option(help="Link tokens per block, comma-separated; 'all' is the exact prefill.")] = (
        "0,8,16,32,all"
    ),
    passages: Annotated[
        int | None, typer.Option(min=1, help="Nearest passages to join; without it, TESSERA_TOP_K.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Read without the reader adapter.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Compare independent blocks with the full prefill of the same passages: KL, answer and time for each setting.

    Example: python -m app link --text "Who invented the drum lens?" --tokens 0,16,all
    """
    from core.errors import TesseraError
    from core.labs.benchmarks.link_tokens import sweep

    with reporting(as_json):
        if not text.strip():
            raise TesseraError("The question is empty.", "Give one with --text.")
        counts = [_count(part) for part in tokens.split(",") if part.strip()]
        resources = open_resources(workspace, plain, top_k=passages)
        for _ in sweep(resources, text, counts[:1]):
            pass  # a warm-up before anything is timed
        points = [asdict(point) for point in sweep(resources, text, counts)]
        if as_json:
            emit({"question": text, "points": points})
        else:
            _show(points)


def _count(part: str) -> int | None:
    from core.errors import TesseraError

    part = part.strip()
    if part == "all":
        return None
    if not part.isdecimal():
        raise TesseraError(f"{part!r} is no number of tokens.", "Give numbers or 'all', such as --tokens 0,16,all.")
    return int(part)


def _show(points: list[dict[str, Any]]) -> None:
    if not points:
        aside.print("Nothing to compare: --tokens is empty.")
        return
    table = Table("Link tokens", "Recomputed", "Reused", "KL (nats)", "ms", "Same answer", "Answer")
    for point in points:
        count = "all" if point["link_tokens"] is None else str(point["link_tokens"])
        numbers = (f"{point['recomputed']:,}", f"{point['reused']:,}", f"{point['kl']:.2e}", f"{point['ttft_ms']:,.0f}")
        table.add_row(count, *numbers, "yes" if point["same"] else "no", point["answer"].replace("[", "\\["))
    console.print(table)
