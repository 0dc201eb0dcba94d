"""``bench``: what is measured on this machine, one command per thing; ``bench serverless`` is in ``serverless``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from app.cli.common import (
    PlainOption,
    WorkspaceOption,
    console,
    deliver,
    drive,
    emit,
    open_resources,
    reported,
    say,
    settings_and_workspace,
    wants_json,
)
from app.cli.serverless import serverless
from core.normalise import comma_separated

if TYPE_CHECKING:
    from core.labs.benchmarks.store_verdict import WorkloadResult

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
    plain: PlainOption = False,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Measure first token and whole answer with and without a KV cache, interleaved, in one run.

    Example: python -m app bench cag --repeats 7 --passages 10
    """
    from core.corpus import store
    from core.labs.benchmarks.cag import CagBenchConfig, bench_cag, questions_about
    from core.labs.benchmarks.llama_cpp import peers

    resources = open_resources(workspace, plain)
    settings, ws = resources.settings, resources.workspace
    corpus = store.load(ws.require("corpus"))
    chosen = corpus.passages[:passages]
    lm = resources.language_model()
    texts = questions_about(corpus, chosen, repeats + 1)
    beside = peers(lm, settings) if llama_cpp else {}
    result = drive(bench_cag(lm, chosen, texts, CagBenchConfig(repeats, tokens), beside))
    deliver({"workspace": ws.name, "passages": len(chosen), **result}, lambda: _show_cag(result))


def _show_cag(result: dict[str, Any]) -> None:
    console.print(
        f"{result['model']} in {result['dtype']} on {result['device']}: {result['context_tokens']:,} tokens cached, "
        f"{result['question_tokens']} of the question, {result['answer_tokens']} of the answer; "
        f"median of {result['n']}, ms. The question alone takes {result['floor_ttft_ms']:,.1f} (the floor)."
    )
    table = Table("Setup", "First token", "p10 to p90", "x floor", "Last token", "p10 to p90", "What")
    for name, setup in result["setups"].items():
        first, last = _cells(setup["ttft_ms"]), _cells(setup["total_ms"])
        table.add_row(name, *first, f"{setup['to_floor']:.2f}", *last, _MEANING.get(name, ""))
    console.print(table)
    steps = ", ".join(f"{name} {step['median']:,.1f} ms" for name, step in result["steps_ms"].items())
    say(f"Beside answers: {steps}.")
    say(", ".join(f"{name} {ratio:.2f}" for name, ratio in result["ratios"].items()))


def _cells(spread: dict[str, float]) -> tuple[str, str]:
    return f"{spread['median']:,.1f}", f"{spread['p10']:,.0f} to {spread['p90']:,.0f}"


def stores(
    synthetic: Annotated[
        int, typer.Option(min=0, help="Clustered synthetic vectors to search, too; 0 leaves them out.")
    ] = 100_000,
    dim: Annotated[int, typer.Option(min=2, help="Dimension of the synthetic vectors.")] = 384,
    queries: Annotated[int, typer.Option(min=1, help="Most questions per setting.")] = 200,
    only: Annotated[str, typer.Option("--only", help="Comma-separated stores; all when empty.")] = "",
    workspace: WorkspaceOption = "sample",
) -> None:
    """Measure recall, latency, throughput, build time and size of every store; keep the result for the Stores page.

    Example: python -m app bench stores --workspace nq --synthetic 100000 --json
    """
    from dataclasses import asdict

    from core.labs.benchmarks import stores as bench
    from core.models.registry import Models

    settings, ws = settings_and_workspace(workspace)
    ws.require("embeddings")
    drive(bench.run_default(ws, Models(settings), queries, synthetic, dim, settings.seed, comma_separated(only)))
    result = bench.load(ws)
    if result is None:
        return
    if wants_json():
        emit({"workspace": ws.name, **asdict(result)})
        return
    for tested in result.tested:
        _show_stores(tested, result.k, result.clients)
    console.print(f"\nMeasured with {result.machine}. * no other setting finds as much at least as fast.")


def _show_stores(tested: WorkloadResult, k: int, clients: int) -> None:
    console.print(f"\n[bold]{tested.workload}[/], {tested.dim} dimensions, {tested.queries} {tested.asked}")
    names = list(dict.fromkeys(row.store for row in tested.rows))
    for name in names:
        rows = [row for row in tested.rows if row.store == name]
        first, memory = rows[0], rows[0].memory_bytes
        in_memory = "" if memory is None else f", {memory / 1e6:,.1f} MB in memory"
        size = f"built in {first.build_s:.1f} s, {first.disk_bytes / 1e6:,.1f} MB on disk{in_memory}"
        table = Table(title=f"{first.label}: {size}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
        table.add_column("setting", width=24)
        for heading in (f"recall@{k}", f"gold@{k}", "p50 ms", "p99 ms", "QPS", f"QPS x{clients}"):
            table.add_column(heading, justify="right")
        for row in rows:
            worth = "" if row.dominated or row.recall is None else " *"
            speeds = (f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", f"{row.qps_1:,.0f}", f"{row.qps_many:,.0f}")
            table.add_row(row.setting + worth, _share(row.recall), _share(row.gold), *speeds)
        console.print(table)
    for name, why in tested.skipped.items():
        say(f"{name} was left out: {why}")
    say(tested.verdict)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def encoders(
    dataset: Annotated[str, typer.Option(help="As in prepare; with questions that name their passages.")] = "sample",
    names: Annotated[
        str, typer.Option("--encoders", help="Comma-separated; the others are compared with the first.")
    ] = "all-minilm-l6-v2,multilingual-e5-small",
    split: Annotated[str, typer.Option(help="Which questions: train, dev or test.")] = "test",
    size: Annotated[int | None, typer.Option(min=1, help="Keep the first SIZE passages.")] = None,
    answers: Annotated[
        int, typer.Option(min=0, help="Questions that RAG and CAG answer with each encoder; 0: none.")
    ] = 0,
) -> None:
    """Compare encoders on a corpus: recall, speed, cells and answers, all paired by question.

    Example: python -m app bench encoders --dataset sample --answers 112 --json
    """
    from core.labs.benchmarks.encoders import compare
    from core.settings import Settings

    work = compare(Settings.from_environment(), dataset, comma_separated(names), split, size, answers)
    comparison: dict[str, Any] = drive(work)["comparison"]
    deliver(comparison, lambda: _show_encoders(comparison))


def _show_encoders(comparison: dict[str, Any]) -> None:
    heads = ("encoder", "recall@1", "@3", "@5", "nearest cell", "cells searched", "ms/passage", "ms/question", "EM")
    table = Table(*heads)
    for row in comparison["encoders"]:
        recalls = [f"{interval['mean']:.3f}" for interval in row["recall"].values()]
        scores = ", ".join(f"{name} {figures['em']['mean']:.2f}" for name, figures in row["methods"].items())
        shares = [f"{row['nearest']:.3f} of {row['cells']:,}", f"{row['searched']:.3f}"]
        table.add_row(row["name"], *recalls, *shares, f"{row['passage_ms']:.0f}", f"{row['question_ms']:.1f}", scores)
    console.print(table)
    say(
        f"{comparison['passages']:,} passages and {comparison['questions']:,} {comparison['split']} questions of "
        f"{comparison['corpus']}; {comparison['answered']:,} answered."
    )


def retrieval(
    queries: Annotated[int, typer.Option(min=1, help="Most questions.")] = 300,
    split: Annotated[str, typer.Option(help="Which of the corpus' own questions: train, dev or test.")] = "dev",
    rerank: Annotated[
        str, typer.Option(help="maxsim (late interaction over the encoder's token vectors), or a cross-encoder.")
    ] = "maxsim",
    keywords: Annotated[
        int, typer.Option(min=1, max=100, help="What words weigh where scores are fused, in percent.")
    ] = 30,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Measure recall and latency of vectors, words, both (fused or as a filter, in Redis), and re-ranking.

    Example: python -m app bench retrieval --workspace nq --queries 1021
    """
    from dataclasses import asdict

    from core.labs.benchmarks import retrieval as ways
    from core.models.registry import Models

    settings, ws = settings_and_workspace(workspace)
    ws.require("embeddings")
    result = drive(ways.run(ws, Models(settings), settings, queries, split, rerank, keywords))
    if wants_json():
        emit({"workspace": ws.name, **result, "rows": [asdict(row) for row in result["rows"]]})
        return
    table = Table("way", *(f"recall@{k}" for k in ways.DEPTHS), "nothing found", "p50 ms", "p99 ms")
    for row in result["rows"]:
        shares = (f"{row.recall[k]:.3f}" for k in ways.DEPTHS)
        table.add_row(row.way, *shares, str(row.empty), f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}")
    console.print(table)
    n, encode = result["rows"][0].n, result["encode_ms"]
    say(f"{n:,} {split} questions; encoding one takes {encode:.1f} ms and is not in these times.")


bench = typer.Typer(
    help="Measure this machine; nothing else should run meanwhile. Every number comes with its n.", no_args_is_help=True
)
for _command in (cag, encoders, retrieval, stores, serverless):
    bench.command()(reported(_command))
