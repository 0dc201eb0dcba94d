"""How much a build and a question that is asked meanwhile slow each other down.

python -m tests.app.build_beside_question --rounds 2 --questions 6      # on the sample, RAG is asked

All blocks are built, of a copy of the corpus that is thrown away. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median

from app.cli.common import drive, open_resources, say
from app.job_process import ProcessWork, Task
from core import pipeline
from core.errors import TesseraError
from core.jobs import Job, JobState, Progress, Work
from core.labs.changes.scratch import copy_of
from core.methods.base import Method, answer
from core.methods.comparison import open_for_measuring
from core.methods.resources import Resources
from core.workspace import Workspace

STAGE = "Measuring builds and questions"
_PAUSE_S = 1.0
"""From one answer to the next question during a build: time to read it."""


def measure(resources: Resources, name: str, questions: int, rounds: int) -> Work:
    """Asks, builds, and does both, in turn.

    Args:
        resources: Hold the corpus and its questions.
        name: Name of the method that is asked.

    Yields:
        Progress; the data of the last hold the clocks of each question by itself ("quiet") and "during a build" in ms,
        the ``ratio`` of the medians of whole answers, and of each round the seconds of the ``builds``, from their first
        block to the end, and of the questions that were asked during the second.

    Raises:
        TesseraError: There is no question, or a build fails.
    """
    texts = [question.text for question in resources.corpus.all_questions()[:questions]]
    if not texts:
        raise TesseraError("There is no question to ask.", "Give a corpus with questions.")
    method, _ = open_for_measuring(name, resources, texts[0])
    quiet: list[dict[str, float]] = []
    beside: list[dict[str, float]] = []
    builds: list[dict[str, float]] = []
    for number in range(rounds):
        yield Progress(STAGE, 3 * number, 3 * rounds, "questions alone")
        quiet += [_clocks(method, text) for text in texts]
        yield Progress(STAGE, 3 * number + 1, 3 * rounds, "a build alone")
        with _building(resources) as build:
            build.ends_within(None)
        yield Progress(STAGE, 3 * number + 2, 3 * rounds, "questions during a build")
        answered: list[dict[str, float]] = []
        with _building(resources) as disturbed:
            for text in cycle(texts):
                clocks = _clocks(method, text)
                if disturbed.ends_within(0):
                    break
                answered.append(clocks)
                disturbed.ends_within(_PAUSE_S)
        beside += answered
        questions_s = sum(clocks["total_ms"] for clocks in answered) / 1000
        builds.append({"alone_s": build.s, "with_questions_s": disturbed.s, "questions_s": questions_s})
    ratio = median(clocks["total_ms"] for clocks in beside) / median(clocks["total_ms"] for clocks in quiet)
    data = {"quiet": quiet, "during a build": beside, "ratio": ratio, "builds": builds}
    yield Progress(STAGE, 3 * rounds, 3 * rounds, data=data)


def _clocks(method: Method, question: str) -> dict[str, float]:
    trace = answer(method, question).trace
    return {"ttft_ms": trace.ttft_ms, "total_ms": trace.total_ms}


@contextmanager
def _building(resources: Resources) -> Iterator[_Build]:
    """Blocks are being built of a copy of the corpus, and the models for it are loaded."""
    with tempfile.TemporaryDirectory(prefix="tessera-build-") as folder:
        build = _Build(resources, copy_of(resources.workspace, Path(folder), ["corpus"]))
        try:
            while not build.began and not build.ends_within(0.05):
                pass
            yield build
        finally:
            build.end()


class _Build:
    """A build as the app starts it.

    Attributes:
        began: Seconds on the clock at its first finished step; 0 before.
    """

    def __init__(self, resources: Resources, ws: Workspace) -> None:
        self._work = ProcessWork(Task(ws.path, resources.settings, pipeline.blocks), resources.models.lock)
        self.began = self._ended = 0.0
        self._job = Job("build", self._steps, self._work.cancel).start()

    def _steps(self) -> Work:
        for step in self._work.steps():
            self._ended = time.perf_counter()
            if step.done:
                self.began = self.began or self._ended
            yield step

    @property
    def s(self) -> float:
        """Seconds from the first step to the last."""
        return self._ended - self.began

    def ends_within(self, seconds: float | None) -> bool:
        """Whether it has ended by then.

        Raises:
            TesseraError: It failed.
        """
        self._job.join(seconds)
        report = self._job.report()
        if report.state is JobState.FAILED:
            raise TesseraError(report.error)
        return report.state is not JobState.RUNNING

    def end(self) -> None:
        """Stops it, should it still run."""
        self._job.cancel()
        self._job.join()


def main() -> None:
    """Measures, and prints medians and counts as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--method", default="rag")
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workspace", default="sample")
    given = parser.parse_args()
    found = drive(measure(open_resources(given.workspace), given.method, given.questions, given.rounds))
    for name in ("quiet", "during a build"):
        rows = found[name]
        clocks = {clock: median(row[clock] for row in rows) for clock in ("ttft_ms", "total_ms")}
        say(json.dumps({"questions": name, "n": len(rows), **clocks}))
    say(json.dumps({"ratio": found["ratio"], "builds": found["builds"]}))


if __name__ == "__main__":
    main()
