"""Where the shards of a stage are computed: by the models of this process, or by workers on other machines.

A stage that can be divided has a task: a function at the top of its module that takes the models of whoever computes
it, and one shard. Shards and results travel between processes; reading and writing the workspace stays with the caller.

    for step in workers.compute(encode_shard, shards):
        if isinstance(step, Computed):
            vectors[step.number] = step.result
        yield Progress(stage, done, total, step.note)
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from core.digests import text_digest
from core.errors import ModelError
from core.manifest import write_atomically

Shard = TypeVar("Shard")
Result = TypeVar("Result")
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Computed(Generic[Result]):
    """A shard is done.

    Attributes:
        number: Which of the shards.
        note: Who has done how many, for display.
    """

    number: int
    result: Result
    note: str = ""


@dataclass(frozen=True)
class Computing:
    """Nothing new since a moment ago: the caller may show that, and stop."""

    note: str


class Workers(Protocol):
    """Computes shards with models that are loaded once."""

    def compute(
        self, task: Callable[[Any, Shard], Result], shards: Sequence[Shard]
    ) -> Generator[Computed[Result] | Computing, None, None]:
        """The result of every shard, in the order in which they are done; closing the generator stops.

        Args:
            task: Takes the ``Models`` of the worker and a shard; must be importable where it runs.

        Raises:
            TesseraError: The task fails, or nobody is left to compute it.
        """
        ...


def require_same_model(theirs: object, ours: object) -> None:
    """Holds that a worker computes with the model that its shard is for, given what identifies either.

    Raises:
        ModelError: It does not.
    """
    if theirs != ours:
        raise ModelError(
            "A worker has another model than this machine.",
            "Put the same model files and the same Tessera on every machine.",
        )


class InProcess:
    """The models of this process, one shard after another.

    Args:
        models: See ``core.models.registry.Models``.
    """

    def __init__(self, models: Any) -> None:
        self._models = models

    def compute(
        self, task: Callable[[Any, Shard], Result], shards: Sequence[Shard]
    ) -> Generator[Computed[Result] | Computing, None, None]:
        """See ``Workers.compute``."""
        for number, shard in enumerate(shards):
            yield Computed(number, task(self._models, shard))


def compute_arrays(
    workers: Workers,
    task: Callable[[Any, Shard], Array],
    shards: Sequence[Shard],
    folder: Path | None = None,
    content: Sequence[str] = (),
) -> Generator[tuple[Sequence[int], str], None, list[Array]]:
    """The array of every shard, in order.

    Args:
        folder: Where each array is saved as soon as it is there, and looked for first, so that a build that was killed
            goes on from it; the caller removes it when all is written. None saves nothing.
        content: For each shard, all that its array depends on.

    Yields:
        Numbers of the shards that are done, and a note.
    """
    arrays: dict[int, Array] = {}
    paths = _paths(folder, content) if folder else []
    for number, path in enumerate(paths):
        if path.is_file():
            arrays[number] = np.load(path, allow_pickle=False)
    todo = [number for number in range(len(shards)) if number not in arrays]
    yield list(arrays), ""
    for step in workers.compute(task, [shards[number] for number in todo]):
        if isinstance(step, Computed):
            number = todo[step.number]
            arrays[number] = step.result
            if folder:
                _save(paths[number], step.result)
        yield list(arrays), step.note
    return [arrays[number] for number in range(len(shards))]


def count_saved(folder: Path, content: Sequence[str]) -> int:
    """How many arrays an earlier start of ``compute_arrays`` has saved."""
    return sum(path.is_file() for path in _paths(folder, content))


def _paths(folder: Path, content: Sequence[str]) -> list[Path]:
    return [folder / f"{text_digest(text, 24)}.npy" for text in content]


def _save(path: Path, array: Array) -> None:
    from io import BytesIO

    path.parent.mkdir(exist_ok=True)
    content = BytesIO()
    np.save(content, array, allow_pickle=False)
    write_atomically(path, content.getvalue())


def forget_arrays(folder: Path) -> None:
    """Removes what ``compute_arrays`` saved."""
    shutil.rmtree(folder, ignore_errors=True)
