"""``bench kv``: what a KV cache saves on this machine, and how far from its limits that is."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace

_MEANING = {
    "floor": "the question alone, nothing cached",
    "hot": "cell cache in memory",
    "warm": "cell cache read from disk (page cache warm)",
    "cold": "cell cache read from disk (page cache dropped)",
    "no_cache": "passages and question prefilled",
    "rag": "3 of the passages and the question prefilled",
    "plain_recipe": "saved DynamicCache, deep-copied, generate()",
    "build": "building the cache, once",
    "touched_load": "reading the cache from disk, every number touched",
    "read": "reading the same bytes from disk",
    "llama_cpp_hot": "llama.cpp with its prompt cache",
    "llama_cpp_no_cache": "llama.cpp without",
}


def bench_kv(
    repeats: Annotated[int, typer.Option(min=1, help="Times that every arm runs.")] = 7,
    passages: Annotated[int, typer.Option(min=1, help="Passages that are cached.")] = 10,
    tokens: Annotated[int, typer.Option(min=1, help="Tokens decoded to find the pace.")] = 32,
    peer: Annotated[bool, typer.Option("--peer", help="Measure llama.cpp, too (needs xllamacpp).")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Without the reader adapter.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Measure time to the first token with and without a KV cache, interleaved, in one run.

    Example: python -m app bench kv --repeats 7 --passages 10 --peer
    """
    import torch

    from core import pipeline
    from core.benchmarks.kv import KvBenchConfig
    from core.benchmarks.kv import bench_kv as measure
    from core.benchmarks.llama_cpp import LlamaCpp
    from core.models.bundle import Models
    from core.models.provision import original_file

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        chosen = pipeline.load_passages(ws)[:passages]
        lm = Models(settings).language_model(False if plain else None)
        question = f"What do the passages say about {chosen[0].title or 'it'}?"
        opened = (
            (lambda room: LlamaCpp(original_file(settings.model, settings.home), room, torch.get_num_threads()))
            if peer
            else None
        )
        found = drive(measure(lm, chosen, question, KvBenchConfig(repeats, tokens), opened))
        if as_json:
            emit({"workspace": ws.name, "passages": len(chosen), **found})
        else:
            _show(found)


def _show(found: dict[str, Any]) -> None:
    console.print(
        f"{found['model']} in {found['dtype']} on {found['device']}: {found['context_tokens']:,} tokens cached, "
        f"{found['question_tokens']} of the question; median of {found['n']}."
    )
    table = Table("Arm", "What", "ms", "p10 to p90", "x floor")
    for name, arm in found["arms"].items():
        spread = arm["ttft_ms"]
        span = f"{spread['p10']:,.0f} to {spread['p90']:,.0f}"
        table.add_row(name, _MEANING.get(name, ""), f"{spread['median']:,.1f}", span, f"{arm['to_floor']:.2f}")
    console.print(table)
    decode = found["decode"]
    paces = ", ".join(f"{name} {pace['median']:.1f}" for name, pace in decode["tokens_per_s"].items())
    console.print(
        f"Decoding behind it, tokens/s: {paces}. Ours moves {decode['share_of_limit']:.0%} of the "
        f"{decode['read_bytes_per_s'] / 1e9:.1f} GB/s that this machine reads."
    )
    console.print(", ".join(f"{name} {ratio:.2f}" for name, ratio in found["ratios"].items()), highlight=False)
