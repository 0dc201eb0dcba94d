"""What a study is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import TesseraError
from core.serverless.settings import KINDS, IndexKind
from core.serverless.study.arrivals import Arrivals
from core.serverless.study.senders import STAGES, Stage


@dataclass(frozen=True)
class StudyConfig:
    """Settings of a study.

    Attributes:
        sizes: Passages in the index, rising; beyond the corpus they are synthetic.
        arrivals: The load on each index, each round.
        stage: The retrieval function alone, or the whole pipeline.
        rounds: Loads on each index; the indexes take turns, and so does who begins.
        probes: Questions asked of every index one by one and in alternation, for paired times.
        k: Passages asked for: recall is measured at k.
        concurrency: Workers of the retrieval function.
        seed: Of arrivals, draws and synthetic passages.
        kinds: Indexes to compare.

    Raises:
        TesseraError: A value makes no sense.
    """

    sizes: tuple[int, ...]
    arrivals: Arrivals
    stage: Stage = "retrieval"
    rounds: int = 2
    probes: int = 40
    k: int = 10
    concurrency: int = 2
    seed: int = 0
    kinds: tuple[IndexKind, ...] = KINDS

    def __post_init__(self) -> None:
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] <= self.k:
            raise TesseraError(
                f"The sizes {', '.join(map(str, self.sizes)) or '(none)'} cannot be studied.",
                f"Give different sizes above {self.k}, the smallest first, such as 2000,20000.",
            )
        if self.stage not in STAGES:
            raise TesseraError(f"There is no stage {self.stage!r}.", f"Choose one of: {', '.join(STAGES)}.")
        for name in ("rounds", "probes", "k", "concurrency"):
            if getattr(self, name) < 1:
                raise TesseraError(f"{name} is {getattr(self, name)}, but must be at least 1.", f"Raise {name}.")
