"""``redis``: the server behind the Redis stores, its answer cache and its counters."""

from __future__ import annotations

from dataclasses import asdict

import typer

from app.cli.common import WorkspaceOption, console, deliver, emit, reported, say, settings_and_workspace, wants_json

redis = typer.Typer(help="The Redis in use: the embedded one, or the one in REDIS_URL.", no_args_is_help=True)


@redis.command()
@reported
def status() -> None:
    """Say where the server is, what it runs and what it holds; starts the embedded one.

    Example: python -m app redis status
    """
    from core.labs.redis_status import server_facts
    from core.stores.redis.connection import connection
    from core.units import duration, size

    facts = server_facts(connection())
    if wants_json():
        emit(asdict(facts))
        return
    say(f"Redis {facts.version}, search {facts.search or 'missing'}: {facts.place}")
    console.print(f"  port {facts.port}, up {duration(facts.uptime_s)}, {size(facts.memory)} in {facts.keys:,} keys")
    console.print(f"  {facts.persistence}")
    for index in facts.indexes:
        say(f"  {index.name}: {index.documents:,} entries, {size(index.bytes)}")


@redis.command("flush-cache")
@reported
def flush_cache(workspace: WorkspaceOption = "sample") -> None:
    """Forget all kept answers of a workspace.

    Example: python -m app redis flush-cache
    """
    from core.stores.redis.answer_keys import flush, key_of
    from core.stores.redis.connection import connection

    _, ws = settings_and_workspace(workspace)
    flushed = flush(connection(), key_of(ws))
    deliver({"workspace": ws.name, "forgotten": flushed}, lambda: say(f"Forgot {flushed:,} answers of {ws.name}."))


@redis.command()
@reported
def metrics(workspace: WorkspaceOption = "sample") -> None:
    """Print the counters of a workspace: questions, times, passages, hits of the answer cache.

    Example: python -m app redis metrics
    """
    from core.stores.redis.answer_keys import key_of
    from core.stores.redis.connection import connection
    from core.stores.redis.metrics import BUCKETS_MS, Metrics

    _, ws = settings_and_workspace(workspace)
    counted = Metrics(connection(), key_of(ws)).snapshot()
    if wants_json():
        emit({**asdict(counted), "average_ms": counted.average_ms, "hit_rate": counted.hit_rate,
              "buckets_ms": BUCKETS_MS})  # fmt: skip
        return
    say(f"{counted.queries:,} questions, {counted.average_ms:,.1f} ms on average")
    say(f"{counted.documents:,} passages retrieved")
    console.print(f"{counted.hit_rate:.0%} answered from the cache, {counted.saved_ms / 1000:,.1f} s saved")
    bounds = [*(f"up to {bound:,} ms" for bound in BUCKETS_MS), f"over {BUCKETS_MS[-1]:,} ms"]
    for bound, count in zip(bounds, counted.histogram, strict=True):
        if count:
            say(f"  {bound:<16}{count:>6,}")
