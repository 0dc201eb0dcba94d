"""``bench``: what is measured on this machine, one command per thing."""

from __future__ import annotations

import typer

from app.cli import bench_cag, bench_memory, bench_serverless, bench_stores

bench = typer.Typer(
    help="Measure this machine; nothing else should run meanwhile. Every number comes with its n.",
    no_args_is_help=True,
)
bench.command("cag")(bench_cag.cag)
bench.command("memory")(bench_memory.memory)
bench.command("stores")(bench_stores.stores)
bench.command("serverless")(bench_serverless.serverless)
