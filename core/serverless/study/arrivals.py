"""When requests come: a Poisson process whose rate rises evenly and then stays, the same for the same seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.errors import TesseraError

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
                f"The rate cannot go from {self.rate_from:g} to {self.rate_to:g} requests per second.",
                "Give rates above 0, the second not below the first.",
            )
        if self.seconds <= 0:
            raise TesseraError(f"A load of {self.seconds:g} s is none.", "Give --seconds above 0.")

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
