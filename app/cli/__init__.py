"""The command line: one file per command, all on the same workspaces as the app."""

from __future__ import annotations

import os
import sys

import typer

from app.cli import (
    ask,
    assess_reader,
    bench,
    cache,
    cluster,
    delete,
    documents,
    engine,
    eval_memory,
    evaluate,
    gradio,
    index,
    index_serverless,
    judge,
    link,
    memory,
    models,
    plan,
    precision,
    prepare,
    query,
    questions,
    race,
    redis,
    routing,
    sample,
    search,
    serve_local,
    status,
    train_reader,
    verify,
)
from app.cli.common import MethodCommand, reporting
from app.cli.giving_way import give_way
from core.errors import TesseraError
from core.messages import message
from core.normalise import is_unicode

cli = typer.Typer(
    name="python -m app",
    help="Three ways a language model can know your documents: standard RAG, KV-cache CAG, LLM-as-Memory.\n\n"
    "The usual order is prepare, cluster, cache, train, query. Without --workspace, commands work on 'sample'.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@cli.callback()
def check_arguments() -> None:
    """Refuses arguments that are no text: names and paths are written into files, too."""
    with reporting("--json" in sys.argv):
        for argument in sys.argv[1:]:
            if not is_unicode(argument):
                shown = os.fsencode(argument).decode("utf-8", "backslashreplace")
                what = message("The argument {shown} is no text in UTF-8.", shown=shown)
                raise TesseraError(what, "Convert it, or rename the file or folder.")


cli.command("prepare")(prepare.prepare)
cli.command("index")(index.index)
cli.command("cluster")(cluster.cluster)
cli.command("cache")(cache.cache)
cli.command("train")(memory.train)
cli.command("adapt")(memory.adapt)
cli.command("edit")(memory.edit)
cli.command("forget")(memory.forget)
cli.command("race")(race.race)
cli.command("calibrate")(memory.calibrate)
cli.command("query", cls=MethodCommand)(query.query)
cli.command("search")(search.search)
cli.command("hybrid")(search.hybrid)
cli.command("ask")(ask.ask)
cli.command("status")(status.status)
cli.command("documents")(documents.documents)
cli.command("questions")(questions.questions)
cli.command("rename")(documents.rename)
cli.command("delete")(delete.delete)
cli.command("eval", cls=MethodCommand)(evaluate.evaluate)
cli.command("judge")(judge.judge)
cli.command("eval-memory")(eval_memory.eval_memory)
cli.command("ablate")(eval_memory.ablate)
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
cli.command("engine")(engine.engine)
cli.command("plan")(plan.plan)
cli.command("train-reader")(train_reader.train_reader)


def main() -> None:
    """Runs the command line."""
    give_way(next(iter(sys.argv[1:]), ""))
    cli()
