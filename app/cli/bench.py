"""``bench``: measurements to repeat on one's own machine, one file per measurement."""

from __future__ import annotations

import typer

from app.cli import bench_serverless

bench = typer.Typer(help="Measure this machine; nothing else should run meanwhile.", no_args_is_help=True)
bench.command("serverless")(bench_serverless.serverless)
