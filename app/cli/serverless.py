"""The serverless functions: ``index-serverless``, ``serve-local`` and ``bench serverless``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import (
    WorkspaceOption,
    console,
    deliver,
    drive,
    open_resources,
    say,
    settings_and_workspace,
    until_interrupted,
    whole_numbers,
)


def index_serverless(
    url: Annotated[str, typer.Option(help="Folder or s3://bucket/prefix to put it in.")],
    kind: Annotated[str, typer.Option(help="flat or ivf-hnsw-sq.")] = "flat",
    workspace: WorkspaceOption = "sample",
) -> None:
    """Put the passages of a workspace where the serverless functions find them: vectors, index and texts.

    Example: python -m app index-serverless --workspace mine --url s3://bucket/index
    """
    from core.labs.serverless.serving import publish

    _, ws = settings_and_workspace(workspace)
    stats = publish(ws, url, kind)
    deliver(
        {"url": url, "kind": kind, "passages": stats.documents, "bytes": stats.bytes},
        lambda: say(f"{stats.documents:,} passages, {stats.bytes:,} bytes in {url}."),
    )


def serve_local(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8787,
    index: Annotated[str, typer.Option(help="Kind of index: flat or ivf-hnsw-sq.")] = "flat",
    url: Annotated[
        str | None, typer.Option(help="Folder or s3:// URL of the index; without it, one is built from the workspace.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Workers of the retrieval function.")] = 2,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Serve /retrieve, /generate, /orchestrate and /ask on 127.0.0.1, as deploy/ does on AWS. Ctrl-C stops it.

    Example: python -m app serve-local, then: curl -d '{"question": "Who built it?"}' http://127.0.0.1:8787/ask
    """
    from core.labs.serverless.serving import serving

    settings, ws = settings_and_workspace(workspace)
    with serving(ws, index, url, port, concurrency, settings.allowed_hosts) as front:
        until_interrupted(f"Serving /retrieve /generate /orchestrate /ask on {front.address}. Ctrl-C stops it.")


def serverless(
    sizes: Annotated[
        str, typer.Option(help="Passages in the index, comma-separated; beyond the corpus they are synthetic.")
    ] = "2000,20000",
    stage: Annotated[
        str, typer.Option(help="retrieval: that function alone. pipeline: with the answer.")
    ] = "retrieval",
    rate_from: Annotated[float, typer.Option(help="Requests per second at the beginning.")] = 1.0,
    rate_to: Annotated[float, typer.Option(help="Requests per second at the top.")] = 30.0,
    seconds: Annotated[float, typer.Option(help="Longest load on one index in one round.")] = 20.0,
    rounds: Annotated[int, typer.Option(min=1, help="Loads on each index; they take turns.")] = 2,
    probes: Annotated[int, typer.Option(min=1, help="Questions asked of each index in alternation.")] = 40,
    k: Annotated[int | None, typer.Option("--k", min=1, help="Passages asked for: 10, or 3 in a pipeline.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Workers of the retrieval function.")] = 2,
    seed: Annotated[int, typer.Option(help="Of arrivals, questions and synthetic passages.")] = 0,
    place: Annotated[
        str | None, typer.Option(help="Folder or s3:// URL for the indexes; without it, a temporary folder.")
    ] = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="In a pipeline: re-rank ten passages before k are read.")
    ] = False,
    cache: Annotated[bool, typer.Option("--cache", help="In a pipeline: keep results, at --place.")] = False,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Load Flat and IVF_HNSW_SQ in alternation, on the same questions, in worker processes like Lambda's.

    Example: python -m app bench serverless --workspace nq --sizes 2000,20000,200000
    """
    from core.labs.serverless.study import runs
    from core.labs.serverless.study.config import Arrivals, StudyConfig

    resources = open_resources(workspace)
    config = StudyConfig(
        sizes=whole_numbers("--sizes", sizes, "2000,20000"),
        arrivals=Arrivals(rate_from, rate_to, seconds),
        stage=stage,  # type: ignore[arg-type]
        rounds=rounds,
        probes=probes,
        k=k or (10 if stage == "retrieval" else resources.settings.top_k),
        concurrency=concurrency,
        seed=seed,
        rerank=rerank,
        cache=cache,
    )
    ws = resources.workspace
    name = drive(runs.run(ws, resources.models, resources.corpus, config, place))["run"]
    findings = runs.read(ws, name)
    deliver({**findings, "run": name}, lambda: _show(findings))


def _show(findings: dict[str, Any]) -> None:
    table = Table("size", "index", "search", "retr.", "p50", "p99", "ok/s", "429", "recall", "$/1k", padding=(0, 0))
    for size in findings["sizes"]:
        for kind, index in size["indexes"].items():
            table.add_row(f"{size['passages']:,}", kind, *_cells(index))
    console.print(table)
    console.print(
        "Times in ms: search and the retrieval function when warm, asked in alternation; p50 and p99 under load."
    )
    for size in findings["sizes"]:
        for what, ratio in size.get("compared", {}).items():
            console.print(
                f"{size['passages']:,} passages, {what.removesuffix('_ms')}: flat takes {ratio['ratio']:.2f} "
                f"({ratio['lo']:.2f}-{ratio['hi']:.2f}) times as long as ivf-hnsw-sq, n = {ratio['n']}."
            )
    for size in findings["sizes"]:
        for kind, index in size["indexes"].items():
            console.print(
                f"{size['passages']:,} passages, {kind}: cold start {index['cold']['p50_ms']:,.0f} ms "
                f"({index['cold']['init_ms']:,.0f} to start the process), {index['cold']['n']} starts."
            )
            costs = (index["cost"] or {}).get("functions", {})
            for name, share in index["load"]["shares"].items():
                say(f"    {name:<11}{share:6.1%} of the functions' time, ${costs.get(name, 0):.5f}/1k")
    for what, crossed in findings["crossover"].items():
        console.print(f"Crossover by {what.removesuffix('_ms')} time: {crossing(crossed)}.")
    machine = findings["machine"]
    console.print(
        f"{findings['config']['concurrency']} workers on {machine['cpus']} CPUs, index in {machine['index']}, "
        f"LanceDB {machine['lancedb']}; prices of {findings['prices']['date']}, to be checked."
    )


def _cells(index: dict[str, Any]) -> list[str]:
    load, probe = index["load"], index["probe"]
    latency, recall, cost = load["latency"], index["recall"], index["cost"]
    return [
        f"{probe['search_ms']:,.1f}",
        f"{probe['retrieval_ms']:,.1f}",
        f"{latency['p50']:,.0f}" if latency else "",
        f"{latency['p99']:,.0f}" if latency else "",
        f"{load['throughput_rps']:.1f}",
        f"{load['outcomes']['throttled'] / max(1, load['requests']):.0%}",
        f"{recall['mean']:.3f}" if recall else "",
        f"{cost['total']:.4f}" if cost else "",
    ]


def crossing(crossed: dict[str, Any]) -> str:
    """Where the second index overtakes the first, in words."""
    if crossed["where"] == "between":
        return f"about {crossed['size']:,.0f} passages"
    return {"always": "below the smallest size", "never": "not up to the largest size"}[crossed["where"]]
