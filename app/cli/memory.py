"""The memory of a workspace: ``train`` and ``calibrate`` it; ``adapt``, ``edit`` and ``forget`` one document."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.common import (
    RayOption,
    WorkspaceOption,
    console,
    deliver,
    drive,
    emit,
    say,
    settings_and_workspace,
    wants_json,
    workers_for,
)
from app.cli.document import FileOption, TextOption, document, unseen_document

StepsOption = Annotated[int, typer.Option(min=1, help="Optimiser steps.")]


def train(
    preset: Annotated[
        str,
        typer.Option(
            help="at-once, first-look, laptop, real-text, gpu-thousands, shipped, shipped-second, shipped-third, "
            "or a YAML file."
        ),
    ] = "laptop",
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Start LoRA, projector and router from a memory: sample (the shipped one), a folder or a workspace; "
            "'' starts from nothing.",
        ),
    ] = None,
    general: Annotated[
        str, typer.Option(help="A corpus with train questions to learn reading on, for presets with a general share.")
    ] = "",
    steps: Annotated[
        int | None,
        typer.Option(min=0, help="Optimiser steps of the evidence stage; 0, with --from, learns to route alone."),
    ] = None,
    router_steps: Annotated[
        int | None, typer.Option("--router-steps", min=0, help="Optimiser steps of the router.")
    ] = None,
    m: Annotated[int | None, typer.Option(min=1, help="Vectors per document.")] = None,
    z_dim: Annotated[int | None, typer.Option("--z-dim", min=1, help="Numbers per vector.")] = None,
    lora_r: Annotated[int | None, typer.Option("--lora-r", min=1, help="Rank of the LoRA.")] = None,
    dtype: Annotated[str, typer.Option(help="Number format of the base model; nf4 trains on 4-bit weights.")] = "",
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew instead of resuming.")] = False,
    ray: RayOption = None,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Train the memory: Z, projector, LoRA and router. Interrupted, it goes on from its checkpoint.

    Example: python -m app train --preset laptop --workspace sample
    """
    from core import pipeline
    from core.corpus.load import load_corpus
    from core.memory.presets import load_preset
    from core.models.registry import Models

    settings, ws = settings_and_workspace(workspace)
    chosen = load_preset(preset)
    settings = replace(settings, model=chosen.model or settings.model, dtype=dtype or chosen.dtype or settings.dtype)
    changes: dict[str, Any] = {"steps": steps, "m": m, "z_dim": z_dim, "lora_r": lora_r, "seed": settings.seed}
    changes["router_steps"] = router_steps
    config = replace(chosen.config, **{name: value for name, value in changes.items() if value is not None})
    models = Models(settings)
    pool = load_corpus(general, count=models.prompt().count) if general else None
    begin = chosen.start if start is None else start
    with workers_for(ray, settings) as workers:
        drive(pipeline.train(ws, models, config, not restart, begin, pool, workers))
    if wants_json():
        emit({"workspace": ws.name, **ws.params("memory")})
    else:
        say(f"The memory is trained and in {ws.folder('memory')}.")


def adapt(
    text: TextOption = "",
    file: FileOption = None,
    title: Annotated[str, typer.Option(help="Its title; without it, 'New document'.")] = "",
    unseen: Annotated[
        int | None, typer.Option(min=1, help="Learn the N-th unseen passage of the sample, with its questions.")
    ] = None,
    steps: StepsOption = 50,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Teach the memory one new document by training its z alone. All other documents keep their bits.

    Example: python -m app adapt --unseen 1
    """
    _learn(text, file, title, unseen, "", steps, workspace)


def edit(
    passage_id: Annotated[str, typer.Argument(help="Id of the document.")],
    text: TextOption = "",
    file: FileOption = None,
    title: Annotated[str, typer.Option(help="Its new title; without it, the old one.")] = "",
    steps: StepsOption = 50,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Give a document of the memory another text: its z begins anew and is trained. The others keep their bits.

    Example: python -m app edit geo-01 --file brannoch.txt
    """
    _learn(text, file, title, None, passage_id, steps, workspace)


def forget(
    passage_id: Annotated[str, typer.Argument(help="Id of the document.")], workspace: WorkspaceOption = "sample"
) -> None:
    """Take a document out of the memory: its z is gone, the others keep their bits.

    Example: python -m app forget geo-u1
    """
    from core import pipeline

    _, ws = settings_and_workspace(workspace)
    drive(pipeline.forget(ws, passage_id))
    deliver({"workspace": ws.name, "forgotten": passage_id}, lambda: console.print(f"Forgot {passage_id!r}."))


def calibrate(workspace: WorkspaceOption = "sample") -> None:
    """Set the threshold of the router's null slot on the corpus' dev questions. A trained memory has had this already.

    Example: python -m app calibrate --workspace sample
    """
    from core import pipeline
    from core.models.registry import Models

    settings, ws = settings_and_workspace(workspace)
    figures = drive(pipeline.calibrate(ws, Models(settings)))
    if wants_json():
        emit({"workspace": ws.name, **figures})
        return
    for when in ("before", "after"):
        null = figures[when]
        say(
            f"{when:<7}threshold {null['threshold']:.3f}: {null['false_nulls']:.1%} of {null['questions']} dev "
            f"questions turned away wrongly, {null['caught']:.1%} caught when their document is left out."
        )


def _learn(
    text: str, file: Path | None, title: str, unseen: int | None, edited: str, steps: int, workspace: str
) -> None:
    from core import pipeline
    from core.corpus.types import Question
    from core.memory.adaptation import AdaptConfig
    from core.memory.store import load_pool
    from core.models.registry import Models

    settings, ws = settings_and_workspace(workspace)
    models = Models(settings)
    questions: tuple[Question, ...] = ()
    held_out: tuple[Question, ...] = ()
    if unseen is not None:
        passage, both = unseen_document(unseen)
        questions, held_out = both[:-2], both[-2:]
    else:
        passage = document(text, file, title, models.prompt().count)
    if edited:
        pool = load_pool(ws.require("memory"))
        passage = replace(passage, id=edited, title=title.strip() or pool.titles[pool.row(edited)])
    work = pipeline.adapt(ws, models, passage, questions, held_out, AdaptConfig(steps=steps), edit=bool(edited))
    last: dict[str, Any] = drive(work)
    if wants_json():
        emit({"workspace": ws.name, "passage_id": passage.id, **last})
        return
    console.print(f"Learned {passage.id!r} in {steps} steps; the loss is {last.get('loss', 0.0):.3f}.")
    if "first_right" in last:
        console.print(f"A watched question was first answered right after {last['first_right']} steps.")
    elif questions or held_out:
        console.print("No watched question was answered right yet.")
    for question in [*questions, *held_out]:
        evidence = last.get("evidence", {}).get(question.id)
        if evidence is not None:
            say(f"{question.text}\n  -> {evidence}")
