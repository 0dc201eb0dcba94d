"""The command line: commands that belong together share a file, and all work on the workspaces of the app."""

from __future__ import annotations

import os
import sys

import typer

from app.cli import (
    bench,
    build,
    caches,
    documents,
    eval_memory,
    evaluate,
    memory,
    plan,
    prepare,
    query,
    race,
    reader,
    redis,
    scale,
    search,
    serverless,
    servers,
    status,
)
from app.cli.common import MethodCommand, reported, reporting
from app.cli.priority import lower_priority
from app.job_process import BUILD, TIMED, serve
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


for _command in (
    prepare.prepare, build.index, build.cluster, build.cache, memory.train, memory.adapt, memory.edit, memory.forget,
    race.race, memory.calibrate, query.query, search.search, search.hybrid, query.ask, status.status,
    documents.documents, documents.questions, documents.rename, documents.delete, evaluate.evaluate, evaluate.judge,
    eval_memory.eval_memory, eval_memory.ablate, reader.assess_reader, caches.verify, caches.precision,
    search.routing, servers.gradio, serverless.index_serverless, serverless.serve_local, build.sample, build.models,
    servers.engine, servers.export_model, plan.plan, reader.train_reader, scale.serve_cells,
):  # fmt: skip
    _names_methods = _command in (query.query, evaluate.evaluate)
    _name = _command.__name__.replace("_", "-") if _command is not evaluate.evaluate else "eval"
    _speaks_json = _command not in (servers.gradio, serverless.serve_local)
    cli.command(_name, cls=MethodCommand if _names_methods else None)(reported(_command, _speaks_json))
cli.add_typer(redis.redis, name="redis")
cli.add_typer(bench.bench, name="bench")


def main() -> None:
    """Runs the command line, or what the app has started for a job."""
    command = next(iter(sys.argv[1:]), "")
    lower_priority(command)
    if command in (BUILD, TIMED):
        serve()
    else:
        cli()
