"""What it means to take up a change, and what the arms that read text do alike."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from core.changes.change import Change
from core.changes.clock import Clock
from core.corpus.types import Corpus, texts
from core.errors import TesseraError
from core.jobs import Progress
from core.methods.base import Method
from core.methods.resources import Resources
from core.models.bundle import Models
from core.models.encoder import Vectors
from core.pipeline import VECTORS_FILE, write_corpus
from core.workspace import Workspace


@dataclass(frozen=True)
class Place:
    """Where an arm takes up a change.

    Attributes:
        ws: A copy of the workspace that it may change.
        models: The models of this process.
        reader: Whether the language model reads with its reader adapter; None follows the settings.
        steps: Most optimiser steps of an arm that learns.
        every: Steps after which such an arm is asked again.
    """

    ws: Workspace
    models: Models
    reader: bool | None = None
    steps: int = 50
    every: int = 5

    def __post_init__(self) -> None:
        for name in ("steps", "every"):
            if getattr(self, name) < 1:
                raise TesseraError(f"{name} is {getattr(self, name)}.", "Give a number above 0.")

    def resources(self) -> Resources:
        """What a method is opened with, as the copy stands now."""
        return Resources(self.ws, self.models, self.reader)


Number = TypeVar("Number", bound=np.generic)
Taking = Generator[Progress | Method, None, None]
"""What an arm does to know: its progress, and the arm itself whenever it may be asked."""


class Taker(Protocol):
    """One arm before, during and after a change."""

    def open(self) -> Method:
        """The arm as it is before the change; nothing of this is timed."""
        ...

    def take(self, change: Change, clock: Clock) -> Taking:
        """Does what the arm must do to know, under ``clock``.

        Yields:
            Its progress, and the arm itself whenever it may be asked. It is closed as soon as an answer shows the
            change.
        """
        ...

    def close(self) -> None:
        """Removes what it keeps outside its folder."""
        ...


def embed(place: Place, change: Change) -> Vectors | None:
    """The vector [1, dim] of the passage as it is afterwards; None for one that is gone."""
    return None if change.kind == "delete" else place.models.encoder().encode_passages(texts([change.passage]))


def changed_rows(
    change: Change, corpus: Corpus, rows: npt.NDArray[Number], row: npt.NDArray[Number] | None
) -> npt.NDArray[Number]:
    """What there is for each passage, such as its vector, after a change.

    Args:
        change: What changes.
        corpus: As it was.
        rows: [n, ...], one row for each of its passages.
        row: [1, ...] of the passage as it is afterwards; None for one that is gone.
    """
    if row is None:
        return np.delete(rows, corpus.index()[change.passage.id], axis=0)
    if change.kind == "add":
        return np.concatenate([rows, row])
    changed = rows.copy()
    changed[corpus.index()[change.passage.id]] = row[0]
    return changed


def write_rows(place: Place, corpus: Corpus, vectors: Vectors) -> None:
    """Writes corpus and embeddings of the copy as they are afterwards."""
    ws = place.ws
    write_corpus(ws, corpus)
    encoder = place.models.encoder()
    inputs = {"corpus": ws.fingerprint("corpus"), "encoder": encoder.fingerprint}
    with ws.write("embeddings", inputs, {"encoder": encoder.name, "dim": encoder.dim}) as folder:
        save_file({"vectors": np.ascontiguousarray(vectors)}, folder / VECTORS_FILE)
