"""The command line: one file per command, all on the same workspaces as the app."""

from __future__ import annotations

import typer

from app.cli import (
    ablate,
    adapt,
    ask,
    assess_reader,
    bench,
    cache,
    calibrate,
    cluster,
    eval_memory,
    evaluate,
    gradio,
    index,
    index_serverless,
    judge,
    link,
    models,
    precision,
    prepare,
    query,
    race,
    redis,
    routing,
    sample,
    search,
    serve_local,
    status,
    train,
    train_reader,
    verify,
)

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
cli.command("cluster")(cluster.cluster)
cli.command("cache")(cache.cache)
cli.command("train")(train.train)
cli.command("adapt")(adapt.adapt)
cli.command("edit")(adapt.edit)
cli.command("forget")(adapt.forget)
cli.command("race")(race.race)
cli.command("calibrate")(calibrate.calibrate)
cli.command("query")(query.query)
cli.command("search")(search.search)
cli.command("hybrid")(search.hybrid)
cli.command("ask")(ask.ask)
cli.command("status")(status.status)
cli.command("eval")(evaluate.evaluate)
cli.command("judge")(judge.judge)
cli.command("eval-memory")(eval_memory.eval_memory)
cli.command("ablate")(ablate.ablate)
cli.command("assess-reader")(assess_reader.assess_reader)
cli.command("verify")(verify.verify)
cli.command("link")(link.link)
cli.command("precision")(precision.precision)
cli.command("routing")(routing.routing)
cli.add_typer(redis.redis, name="redis")
cli.add_typer(bench.bench, name="bench")
cli.command("gradio")(gradio.gradio)
cli.command("index-serverless")(index_serverless.index_serverless)
cli.command("serve-local")(serve_local.serve_local)
cli.command("sample")(sample.sample)
cli.command("models")(models.models)
cli.command("train-reader")(train_reader.train_reader)


def main() -> None:
    """Runs the command line."""
    cli()
