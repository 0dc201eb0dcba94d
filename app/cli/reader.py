"""The reader adapter: ``train-reader`` trains it, ``assess-reader`` measures how well the model reads with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from app.cli.common import (
    PlainOption,
    QuestionsOption,
    SplitOption,
    WorkspaceOption,
    console,
    deliver,
    drive,
    emit,
    open_resources,
    say,
    wants_json,
    whole_numbers,
)

if TYPE_CHECKING:
    from core.corpus.types import Corpus, Passage, Question
    from core.models.language_model import LanguageModel
    from core.models.session import Session
    from core.reader.assess import Reading
    from core.reader.pools import PoolSource


def train_reader(
    pool: Annotated[
        list[str],
        typer.Option(
            help="A folder with passages.jsonl and questions_train.jsonl, and how much of it: DIR or DIR=SHARE. "
            "Repeat for more."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the adapter.")] = Path("reader"),
    start: Annotated[Path | None, typer.Option(help="Folder of an adapter to go on from.")] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="Wall time of the training.")] = 40.0,
) -> None:
    """Train the reader adapter of the configured model. Only train questions are opened; interrupted, it resumes.

    Example: python -m app train-reader --pool data/sample --minutes 40 --output reader
    """
    from core.models.registry import Models
    from core.reader.training import ReaderConfig, train_reader
    from core.settings import Settings

    settings = Settings.from_environment()
    models = Models(settings)
    sources = tuple(_source(entry) for entry in pool)
    config = ReaderConfig(minutes=minutes, seed=settings.seed)
    lm = models.language_model(models.variant.plain)
    last = drive(train_reader(lm, models.encoder(), sources, output, config, start))
    deliver(
        {"output": str(output), **last}, lambda: say(f"The adapter is in {output} after {last.get('step', 0)} steps.")
    )


def _source(entry: str) -> PoolSource:
    """A pool from ``DIR`` or ``DIR=SHARE``; facts of a fictional world are never asked without their passages."""
    from core.corpus.sample import SAMPLE
    from core.errors import TesseraError
    from core.reader.pools import PoolSource

    name, _, share = entry.partition("=")
    try:
        weight = float(share or 1)
    except ValueError:
        raise TesseraError(f"{share!r} is no share.", "Write DIR=0.5, say.") from None
    folder = Path(name).expanduser()
    return PoolSource(folder, weight, closed_book=folder.resolve() != SAMPLE.resolve())


def assess_reader(
    questions: QuestionsOption = None,
    split: SplitOption = "dev",
    n: Annotated[int, typer.Option("--n", min=1, help="Most questions.")] = 100,
    ks: Annotated[str, typer.Option(help="Numbers of retrieved passages to read.")] = "1,3,5,10",
    refuse_k: Annotated[int, typer.Option(min=0, help="Passages without an answer to measure refusing with.")] = 3,
    controls: Annotated[bool, typer.Option(help="Also without passages and with the right one alone.")] = True,
    held_out: Annotated[bool, typer.Option("--held-out", help="Only about articles never trained on.")] = False,
    adapter: Annotated[Path | None, typer.Option(help="Folder of another adapter than the shipped one.")] = None,
    plain: PlainOption = False,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Measure EM and F1 of reading: no passage, the right one, and the encoder's best k; and how well it refuses.

    Example: python -m app assess-reader --split dev --n 50
    """
    from app.cli.evaluate import chosen_questions
    from core.reader.assess import AssessConfig
    from core.reader.assess import assess_reader as assess

    resources = open_resources(workspace, reader=not plain)
    settings, ws, corpus = resources.settings, resources.workspace, resources.corpus
    chosen = chosen_questions(questions, split, corpus)
    config = AssessConfig(
        ks=whole_numbers("--ks", ks, "1,3,5"),
        right_passage=controls,
        closed_book=controls,
        refuse_k=refuse_k,
        questions=n,
        max_new_tokens=settings.max_new_tokens,
        seed=settings.seed,
    )
    chosen = tuple(_about_held_out(corpus, chosen)) if held_out else chosen
    variant = resources.variant if adapter is None else replace(resources.variant, adapter=adapter)
    lm = resources.models.language_model(variant)
    result = drive(assess(lm, resources.models.encoder(), corpus, chosen, config, _readings(lm)))
    if wants_json():
        model = {"workspace": ws.name, "model": lm.identity.name, "reader": bool(lm.identity.adapter)}
        emit({**model, "adapter": lm.identity.adapter, **result})
        return
    _show(result)


def _about_held_out(corpus: Corpus, questions: Sequence[Question]) -> list[Question]:
    from core.reader.pools import HELD_OUT_TITLES

    held_out = {passage.id for passage in corpus.passages if passage.title in HELD_OUT_TITLES}
    return [question for question in questions if held_out.issuperset(question.passage_ids)]


def _readings(lm: LanguageModel) -> dict[str, Reading]:
    """How passages are read: each alone, in one text, or joined as blocks."""
    from core.kvcache.compose import read_as_blocks
    from core.reader.assess import ALONE, BLOCKS, FULL, read_alone, read_in_full

    def begin(passages: Sequence[Passage], question: str) -> Session:
        session = read_as_blocks(lm, [lm.prompt.passage(passage) for passage in passages])
        session.prefill(lm.prompt.tail(question))
        return session

    return {ALONE: read_alone(lm), FULL: read_in_full(lm), BLOCKS: begin}


def _show(result: dict[str, Any]) -> None:
    table = Table("passages", "attention", "n", "EM", "F1", "coverage", "gold there", "refused", "s")
    for score in result["scores"]:
        names = ("em", "f1", "coverage", "found", "refused", "seconds")
        figures = [f"{score[name]:.2f}" for name in names]
        table.add_row(score["setting"], score["attention"], str(score["n"]), *figures)
    console.print(table)
    for each in result["refusing"]:
        console.print(
            f"Refusing, {each['k']} passages, {each['attention']}: precision {each['precision']:.2f}, "
            f"recall {each['recall']:.2f} (n={each['n']} without an answer)"
        )
