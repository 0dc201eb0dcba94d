"""The protocol of updaters, which bring a method up to date after a change, and what several of them share."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from core.corpus.store import write_corpus
from core.corpus.types import Corpus, texts
from core.errors import require_positive
from core.jobs import Progress
from core.labs.changes.change import Change
from core.labs.changes.clock import Clock
from core.methods.base import Method
from core.methods.resources import Resources
from core.models.embeddings import write_vectors
from core.models.encoder import Vectors
from core.workspace import Workspace


@dataclass(frozen=True)
class UpdateContext:
    """Where a method takes up a change.

    Attributes:
        resources: What its method is opened with: a copy of the workspace that it may change, models and settings.
    """

    resources: Resources
    steps: int = 50
    every: int = 5

    def __post_init__(self) -> None:
        require_positive(self, "steps", "every")

    @property
    def ws(self) -> Workspace:
        """The copy."""
        return self.resources.workspace

    def opening(self) -> Resources:
        """Fresh resources for the copy in its current state: resources cache the corpus that they have read."""
        return replace(self.resources)


Number = TypeVar("Number", bound=np.generic)
Updates = Generator[Progress | Method, None, None]
"""Progress of an update, and the method itself whenever it can answer."""


class Updater:
    """One method before, during and after a change."""

    def __init__(self, context: UpdateContext) -> None:
        self._context = context

    def open(self) -> Method:
        """The method as it is before the change; nothing of this is timed."""
        raise NotImplementedError

    def update(self, change: Change, clock: Clock) -> Updates:
        """Does what the method must do to know, under ``clock``.

        Yields:
            Its progress, and the method itself whenever it may be asked. It is closed as soon as an answer shows the
            change.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Removes what the method keeps outside its folder, if it does."""


def embed(context: UpdateContext, change: Change) -> Vectors | None:
    """The vector [1, dim] of the passage as it is afterwards; None for one that is gone."""
    if change.kind == "delete":
        return None
    return context.resources.models.encoder().encode_passages(texts([change.passage]))


def changed_rows(
    change: Change, corpus: Corpus, rows: npt.NDArray[Number], row: npt.NDArray[Number] | None
) -> npt.NDArray[Number]:
    """One item per passage, such as its vector, after a change.

    Args:
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


def write_rows(context: UpdateContext, corpus: Corpus, vectors: Vectors) -> None:
    """Writes corpus and embeddings of the copy as they are afterwards."""
    ws = context.ws
    write_corpus(ws, corpus)
    write_vectors(ws, context.resources.models.encoder(), vectors)
