"""The settings of a study, and the arrival times of its requests.

Requests arrive as a Poisson process whose rate rises evenly and then stays, the same for the same seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.errors import TesseraError, require_known, require_positive
from core.labs.serverless.settings import KINDS, IndexKind
from core.labs.serverless.study.samples import STAGES, Stage
from core.messages import message

RAMP = 0.7
"""Share of the time during which the rate rises; it stays at its top for the rest."""


@dataclass(frozen=True)
class Arrivals:
    """An open loop: requests come whether or not the earlier ones are answered.

    Attributes:
        rate_from: Requests per second at the beginning.
        rate_to: Requests per second at the top.
        seconds: How long they come.

    Raises:
        TesseraError: A rate is not positive, the rate falls, or the time is none.
    """

    rate_from: float
    rate_to: float
    seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.rate_from <= self.rate_to:
            raise TesseraError(
                message(
                    "The rate cannot go from {rate_from:g} to {rate_to:g} requests per second.",
                    rate_from=self.rate_from,
                    rate_to=self.rate_to,
                ),
                "Give rates above 0, the second not below the first.",
            )
        if self.seconds <= 0:
            raise TesseraError(
                message("A load of {seconds:g} s is none.", seconds=self.seconds), "Give --seconds above 0."
            )

    @property
    def ramp_s(self) -> float:
        """Seconds until the rate is at its top."""
        return RAMP * self.seconds

    def rate(self, t: float) -> float:
        """Requests per second at ``t`` seconds."""
        return self.rate_from + (self.rate_to - self.rate_from) * min(1.0, t / self.ramp_s)

    def draw(self, seed: int) -> list[float]:
        """Times in seconds, rising.

        A unit Poisson process, brought to this rate by inverting its integral (time rescaling; Cinlar 1975, ch. 4).
        """
        rng = np.random.default_rng(seed)
        times: list[float] = []
        passed = 0.0
        while True:
            passed += float(rng.exponential())
            t = self._when(passed)
            if t >= self.seconds:
                return times
            times.append(t)

    def _when(self, expected: float) -> float:
        """Time by which ``expected`` requests are expected: the inverse of the integral of the rate."""
        slope = (self.rate_to - self.rate_from) / self.ramp_s
        in_ramp = (self.rate_from + self.rate_to) / 2 * self.ramp_s
        if expected >= in_ramp:
            return self.ramp_s + (expected - in_ramp) / self.rate_to
        if slope == 0:
            return expected / self.rate_from
        return (math.sqrt(self.rate_from**2 + 2 * slope * expected) - self.rate_from) / slope


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
        seed: Of arrivals, draws and synthetic passages.
        rerank: Whether the pipeline re-ranks what it found.
        cache: Whether it answers from kept results under load; the probes never do, so that their times are work.

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
    rerank: bool = False
    cache: bool = False

    def __post_init__(self) -> None:
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] <= self.k:
            raise TesseraError(
                message("The sizes {sizes} cannot be studied.", sizes=", ".join(map(str, self.sizes)) or "(none)"),
                message("Give different sizes above {k}, the smallest first, such as 2000,20000.", k=self.k),
            )
        require_known("There is no stage {name!r}.", self.stage, STAGES)
        if self.stage == "retrieval" and (self.rerank or self.cache):
            raise TesseraError(
                "The retrieval function alone neither re-ranks nor keeps results.", "Study the whole pipeline."
            )
        require_positive(self, "rounds", "probes", "k", "concurrency")
