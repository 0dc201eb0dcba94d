"""Memory of the answering process, by owner, and its growth from question to question.

python -m tests.app.memory_by_owner --questions 50      # RAG, CAG and the memory in one process, on the sample

Run it where nothing has been loaded yet: what torch and the libraries take is measured by importing them, so this
module imports neither.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import cycle, islice
from typing import TYPE_CHECKING

import psutil

from core.errors import TesseraError
from core.jobs import Progress, Work

if TYPE_CHECKING:
    from core.methods.base import Method
    from core.methods.resources import Resources

STAGE = "Measuring memory"
LOOKS = 10
"""Number of memory measurements during the questions."""
_LIBRARIES = {"torch": "torch", "other libraries": "core.methods.registry"}


@dataclass(frozen=True)
class Footprint:
    """Memory use of the process at one moment.

    Attributes:
        anonymous: Of these, what no file stands behind.
        open_files: Descriptors, sockets included.
        temporary_files: In the temporary folder, made since the measurement began.
    """

    resident: int
    anonymous: int
    threads: int
    open_files: int
    temporary_files: int

    @classmethod
    def now(cls, process: int | None = None, scratch: str = "") -> Footprint:
        """As the system counts it.

        Args:
            process: Its number; without it, this one.
            scratch: Its temporary folder.

        Raises:
            TesseraError: The system does not tell.
        """
        if not psutil.LINUX:
            raise TesseraError("This system does not say what a process takes.", "Measure on Linux.")
        measured = psutil.Process(process)
        memory = measured.memory_info()
        return cls(
            resident=memory.rss,
            anonymous=memory.rss - memory.shared,
            threads=measured.num_threads(),
            open_files=measured.num_fds(),
            temporary_files=sum(len(files) for _, _, files in os.walk(scratch or tempfile.gettempdir())),
        )


class _Ledger:
    """Attributes growth of memory to the owner that was loaded last."""

    def __init__(self) -> None:
        self._before = Footprint.now()
        self.owners: dict[str, dict[str, int]] = {"Python": self._difference(Footprint(0, 0, 0, 0, 0))}

    def bill(self, owner: str) -> None:
        before, self._before = self._before, Footprint.now()
        self.owners[owner] = self._difference(before)

    def _difference(self, before: Footprint) -> dict[str, int]:
        now = self._before
        return {"resident": now.resident - before.resident, "anonymous": now.anonymous - before.anonymous}


def bench_memory(open_resources: Callable[[], Resources], methods: tuple[str, ...], questions: int) -> Work:
    """Loads one thing after another, then asks.

    Args:
        open_resources: Opens the workspace; called once the libraries are there.
        methods: In the order in which they are opened and asked.
        questions: How many are asked of each; those of the corpus, from the start again where they are fewer.

    Yields:
        Progress; the data of the last have ``owners`` (bytes that came with each), ``held`` (bytes of what is known
        by itself) and ``growth`` (a footprint after so many questions).

    Raises:
        TesseraError: The system does not tell, or a method cannot be opened.
    """
    with _own_temporary_folder():
        ledger = _Ledger()
        for number, (owner, module) in enumerate(_LIBRARIES.items()):
            yield Progress(STAGE, number, questions, owner)
            import_module(module)
            ledger.bill(owner)
        resources = open_resources()
        opened = yield from _open(resources, methods, ledger, questions)
        growth = yield from _ask(resources, opened, questions)
        data = {"owners": ledger.owners, "held": _held(resources, opened), "growth": growth, "methods": list(methods)}
        yield Progress(STAGE, questions, questions, data=data)


def _open(
    resources: Resources, methods: tuple[str, ...], ledger: _Ledger, questions: int
) -> Generator[Progress, None, list[Method]]:
    from core.methods.comparison import OpenMethods

    yield Progress(STAGE, 0, questions, "encoder")
    resources.models.encoder().encode_query(_questions(resources, 1)[0])
    ledger.bill("encoder")
    yield Progress(STAGE, 0, questions, "language model")
    lm = resources.language_model()
    lm.session().prefill(lm.prompt.head)
    ledger.bill("language model")
    open_methods = OpenMethods()
    opened: list[Method] = []
    for name in methods:
        yield Progress(STAGE, 0, questions, name)
        opened.append(open_methods.open(name, resources))
        ledger.bill(name)
    return opened


def _ask(resources: Resources, opened: list[Method], questions: int) -> Generator[Progress, None, list[dict[str, int]]]:
    from core.methods.base import answer

    growth = [_look(resources, 0)]
    every = max(1, questions // LOOKS)
    for number, question in enumerate(_questions(resources, questions), start=1):
        for method in opened:
            with resources.models.lock:
                answer(method, question)
        if number % every == 0 or number == questions:
            growth.append(_look(resources, number))
        yield Progress(STAGE, number, questions)
    return growth


def _look(resources: Resources, questions: int) -> dict[str, int]:
    return {"questions": questions, **asdict(Footprint.now()), "caches": resources.models.cache_budget.total_bytes()}


def _questions(resources: Resources, count: int) -> list[str]:
    corpus = resources.corpus
    texts = [question.text for question in corpus.all_questions()] or [p.title for p in corpus.passages]
    return list(islice(cycle(texts), count))


def _held(resources: Resources, opened: list[Method]) -> dict[str, int]:
    """Bytes of what can be counted by itself; it is part of what the owners take."""
    held = {"KV caches": resources.models.cache_budget.total_bytes()}
    for method in opened:
        memory = getattr(method, "memory", None)
        if memory is not None:
            held |= {"z": memory.pool.z.nbytes, "keys and words of the router": memory.index.nbytes}
    return held


@contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """A fresh temporary folder for the body, so that only the measured code writes to it."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def main() -> None:
    """Measures, and prints what came with each owner and the growth, a JSON object a line."""
    from app.cli.common import drive, open_resources, say

    parser = argparse.ArgumentParser()
    parser.add_argument("--method", default="rag,cag,memory")
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--workspace", default="sample")
    given = parser.parse_args()
    methods = tuple(given.method.split(","))
    found = drive(bench_memory(lambda: open_resources(given.workspace), methods, given.questions))
    for row in ({"owners": found["owners"]}, {"held": found["held"]}, *found["growth"]):
        say(json.dumps(row))


if __name__ == "__main__":
    main()
