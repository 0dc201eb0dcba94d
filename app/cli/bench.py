"""``bench``: measurements to repeat on one's own machine, one file per measurement."""
"""``bench``: what is measured on this machine, one command per thing."""

from __future__ import annotations

import typer

from app.cli import bench_stores

bench = typer.Typer(help="Measure this machine; nothing else should run meanwhile.", no_args_is_help=True)
bench.command("stores")(bench_stores.stores)
from app.cli import bench_serverless

bench = typer.Typer(help="Measure this machine; nothing else should run meanwhile.", no_args_is_help=True)
bench.command("serverless")(bench_serverless.serverless)
from app.cli import bench_kv

bench = typer.Typer()


@bench.callback()
def _group() -> None:
    """Measure this machine: one command per thing, every number printed with its n and median."""


bench.command("kv")(bench_kv.bench_kv)
