"""Indexes of growing size around a real corpus: its own passages first, then synthetic ones in the same neighbourhoods.

A synthetic passage is a vector near a real one: the real vector plus Gaussian noise, brought back to unit length. So
the space stays as clustered as the real one, real questions fall among the synthetic vectors, and the exact answer is
still known. Uniform random vectors would flatter nobody: graph indexes do badly on them, and no corpus looks like that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.corpus.types import Passage
from core.models.encoder import Vectors

SPREAD = 0.75
"""Length of the noise beside the unit vector it is added to: the cosine to the centre is 1/sqrt(1+0.75^2) = 0.8."""


@dataclass(frozen=True)
class SizedCorpus:
    """A corpus of a chosen size.

    Attributes:
        passages: Real ones first.
        vectors: [n, dim] their unit vectors.
    """

    passages: tuple[Passage, ...]
    vectors: Vectors
    real: int


def grow(passages: Sequence[Passage], vectors: Vectors, size: int, seed: int) -> SizedCorpus:
    """The first ``size`` passages, with synthetic ones where the corpus is smaller.

    Args:
        vectors: [n, dim] their unit vectors.
        seed: Of the synthetic ones; the same ones come first at every size.
    """
    real = min(size, len(passages))
    taken, rows = tuple(passages[:real]), vectors[:real]
    missing = size - real
    if not missing:
        return SizedCorpus(taken, rows, real)
    rng = np.random.default_rng(seed)
    centres = rows[rng.integers(0, real, missing)]
    noise = rng.standard_normal((missing, vectors.shape[1]), dtype=np.float32)
    noise *= SPREAD / np.sqrt(vectors.shape[1])
    near = centres + noise
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    synthetic = tuple(
        Passage(f"synthetic-{number}", f"Synthetic {number}", f"Synthetic passage {number}.")
        for number in range(missing)
    )
    return SizedCorpus(taken + synthetic, np.concatenate([rows, near.astype(np.float32)]), real)


def recall(hits: Sequence[str], gold: Sequence[str]) -> float:
    """Share of ``gold`` that was found: recall@k for k = len(gold)."""
    return len(set(hits) & set(gold)) / len(gold)
