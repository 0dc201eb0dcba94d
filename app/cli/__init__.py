"""The command line: one file per command, all on the same workspaces as the app."""

from __future__ import annotations

import typer

from app.cli import ablate as ablate_command
from app.cli import (
    adapt,
    ask,
    assess_reader,
    cache,
    cluster,
    evaluate,
    gradio,
    index,
    models,
    precision,
    prepare,
    query,
    redis,
    routing,
    sample,
    status,
    train,
)
from app.cli import calibrate as calibrate_command
from app.cli import eval_memory as eval_memory_command
from app.cli import search as search_command
from app.cli import train_reader as train_reader_command
from app.cli import verify as verify_command

cli = typer.Typer(
    name="python -m app",
    help="Three ways a language model can know your documents: standard RAG, KV-cache CAG, LLM-as-Memory.\n\n"
    "The usual order is prepare, cluster, cache, train, query. Without --workspace, commands work on 'sample'.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
cli.command("prepare")(prepare.prepare)
cli.command("index")(index.index)
cli.command("search")(search_command.search)
cli.command("hybrid")(search_command.hybrid)
cli.command("ask")(ask.ask)
cli.add_typer(redis.redis, name="redis")
cli.command("cluster")(cluster.cluster)
cli.command("cache")(cache.cache)
cli.command("precision")(precision.precision)
cli.command("routing")(routing.routing)
cli.command("train")(train.train)
cli.command("adapt")(adapt.adapt)
cli.command("edit")(adapt.edit)
cli.command("forget")(adapt.forget)
cli.command("calibrate")(calibrate_command.calibrate)
cli.command("query")(query.query)
cli.command("status")(status.status)
cli.command("eval")(evaluate.evaluate)
cli.command("ablate")(ablate_command.ablate)
cli.command("eval-memory")(eval_memory_command.eval_memory)
cli.command("gradio")(gradio.gradio)
cli.command("verify")(verify_command.verify)
cli.command("sample")(sample.sample)
cli.command("models")(models.models)
cli.command("train-reader")(train_reader_command.train_reader)
cli.command("assess-reader")(assess_reader.assess_reader)


def main() -> None:
    """Runs the command line."""
    cli()
