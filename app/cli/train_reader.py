"""``train-reader``: train the LoRA with which a small model reads passages and answers briefly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import JsonOption, console, drive, emit, reporting

if TYPE_CHECKING:
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
    as_json: JsonOption = False,
) -> None:
    """Train the reader adapter of the configured model. Only train questions are opened; interrupted, it resumes.

    Example: python -m app train-reader --pool data/sample --minutes 40 --output reader
    """
    from core.models.registry import Models
    from core.reader.training import ReaderConfig, train_reader
    from core.settings import Settings

    with reporting(as_json):
        settings = Settings.from_environment()
        models = Models(settings)
        sources = tuple(_source(entry) for entry in pool)
        config = ReaderConfig(minutes=minutes, seed=settings.seed)
        lm = models.language_model(models.variant.plain)
        last = drive(train_reader(lm, models.encoder(), sources, output, config, start))
        if as_json:
            emit({"output": str(output), **last})
        else:
            console.print(f"The adapter is in {output} after {last.get('step', 0)} steps.", soft_wrap=True)


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
