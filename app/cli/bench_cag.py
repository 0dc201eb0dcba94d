"""``bench cag``: what a KV cache saves on this machine, and how far from its limits that is."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, open_resources, reporting

_MEANING = {
    "hot": "cell cache in memory",
    "warm": "cell cache read from disk (page cache warm)",
    "cold": "cell cache read from disk (page cache dropped)",
    "blocks_hot": "blocks of 3 of the passages in memory",
    "blocks_warm": "these blocks read from disk (page cache warm)",
    "blocks_cold": "these blocks read from disk (page cache dropped)",
    "no_cache": "passages and question prefilled",
    "rag": "3 of the passages and the question prefilled",
    "plain_recipe": "saved DynamicCache, deep-copied, generate()",
    "llama_cpp_hot": "llama.cpp, its state in memory",
    "llama_cpp_warm": "llama.cpp, its state restored from disk",
    "llama_cpp_no_cache": "llama.cpp, passages and question prefilled",
    "llama_cpp_published_hot": "its weights as published, its state in memory",
    "llama_cpp_published_warm": "its weights as published, its state restored",
    "llama_cpp_published_no_cache": "its weights as published, all prefilled",
}


def cag(
    repeats: Annotated[int, typer.Option(min=1, help="Rounds; every setup runs once in each.")] = 7,
    passages: Annotated[int, typer.Option(min=1, help="Passages that are cached.")] = 10,
    tokens: Annotated[int, typer.Option(min=2, help="Length of every answer.")] = 16,
    llama_cpp: Annotated[
        bool, typer.Option("--llama-cpp/--no-llama-cpp", help="Measure llama.cpp, too, where xllamacpp is installed.")
    ] = True,
    plain: Annotated[bool, typer.Option("--plain", help="Without the reader adapter.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Measure first token and whole answer with and without a KV cache, interleaved, in one run.

    Example: python -m app bench cag --repeats 7 --passages 10
    """
    from core.corpus import store
    from core.labs.benchmarks.cag import CagBenchConfig, bench_cag, questions_about
    from core.labs.benchmarks.llama_cpp import peers

    with reporting(as_json):
        resources = open_resources(workspace, plain)
        settings, ws = resources.settings, resources.workspace
        corpus = store.load(ws.require("corpus"))
        chosen = corpus.passages[:passages]
        lm = resources.language_model()
        asked = questions_about(corpus, chosen, repeats + 1)
        beside = peers(lm, settings) if llama_cpp else {}
        found = drive(bench_cag(lm, chosen, asked, CagBenchConfig(repeats, tokens), beside))
        if as_json:
            emit({"workspace": ws.name, "passages": len(chosen), **found})
        else:
            _show(found)


def _show(found: dict[str, Any]) -> None:
    console.print(
        f"{found['model']} in {found['dtype']} on {found['device']}: {found['context_tokens']:,} tokens cached, "
        f"{found['question_tokens']} of the question, {found['answer_tokens']} of the answer; "
        f"median of {found['n']}, ms. The question alone takes {found['floor_ttft_ms']:,.1f} (the floor)."
    )
    table = Table("Setup", "First token", "p10 to p90", "x floor", "Last token", "p10 to p90", "What")
    for name, setup in found["setups"].items():
        first, last = _cells(setup["ttft_ms"]), _cells(setup["total_ms"])
        table.add_row(name, *first, f"{setup['to_floor']:.2f}", *last, _MEANING.get(name, ""))
    console.print(table)
    decode = found["decode"]
    paces = ", ".join(f"{name} {pace['median']:.1f}" for name, pace in decode["tokens_per_s"].items())
    console.print(
        f"Decoding behind it, tokens/s: {paces}. hot moves {decode['share_of_limit']:.0%} of the "
        f"{decode['read_bytes_per_s'] / 1e9:.1f} GB/s that this machine reads."
    )
    steps = ", ".join(f"{name} {step['median']:,.1f} ms" for name, step in found["steps_ms"].items())
    console.print(f"Beside answers: {steps}.", highlight=False)
    console.print(", ".join(f"{name} {ratio:.2f}" for name, ratio in found["ratios"].items()), highlight=False)


def _cells(spread: dict[str, float]) -> tuple[str, str]:
    return f"{spread['median']:,.1f}", f"{spread['p10']:,.0f} to {spread['p90']:,.0f}"
