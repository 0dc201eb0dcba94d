"""The partition: spherical k-means cuts the embedding space into Voronoi cells.

Every passage lies in the cell of its nearest centroid, exactly: the same rule that routes a question. A cell is as
large as the tokens that must be prefilled and kept for it, so a cell over the token budget is cut in two until it
fits, and the silhouette decides between cell counts that the budget allows.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from core.errors import ArtefactStale, TesseraError
from core.jobs import Progress
from core.models.encoder import Vectors
from core.said import said
from core.voronoi.kmeans import IntArray, count_distinct, halve, k_means, nearest
from core.voronoi.silhouette import silhouette

FILE = "partition.safetensors"
_MAX_CANDIDATES = 8
_MAX_WORK = 2 * 10**9
_MAX_ROUNDS = 64
_UNBOUNDED = 2**62


@dataclass(frozen=True)
class PartitionConfig:
    """How to cut.

    Attributes:
        auto_k: Let the silhouette choose k within the bounds; otherwise take ``k``.
        k: Number of cells when ``auto_k`` is off. Fewer are made of fewer different passages, more where the budget
            demands it.
        k_min: Fewest cells to try; None takes what the budget needs.
        k_max: Most cells to try; None lets cells be half full on average.
        cell_tokens: Most passage tokens in a cell, though a single passage may exceed it; None sets no bound here (a
            build still bounds cells by the model's context).
        seed: Seed of k-means.

    Raises:
        TesseraError: A value makes no sense.
    """

    auto_k: bool = True
    k: int | None = None
    k_min: int | None = None
    k_max: int | None = None
    cell_tokens: int | None = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.auto_k and self.k is None:
            raise TesseraError("A fixed number of cells was asked for, but not which.", "Give k.")
        for name in ("k", "k_min", "k_max", "cell_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise TesseraError(f"{name} is {value}, but must be at least 1.", "Give a positive number.")
        if self.k_min and self.k_max and self.k_min > self.k_max:
            raise TesseraError(f"k_min {self.k_min} is above k_max {self.k_max}.", "Swap them.")

    @property
    def budget(self) -> int:
        """Most passage tokens in a cell."""
        return self.cell_tokens or _UNBOUNDED


@dataclass(frozen=True)
class Partition:
    """k centroids and the cell of every passage.

    Cells are numbered from the largest (in tokens) down; of equals, the one with the earliest passage comes first.

    Attributes:
        centroids: [k, dim] float32, unit length.
        assignment: [n] cell of each passage, which is the one whose centroid is most similar.
        tokens: [k] passage tokens of each cell.
        silhouette: Mean silhouette (cosine) over all passages, -1 to 1; 0 where it is not defined (one cell).
        scores: Silhouette by cell count tried.
        config: How it was cut.
    """

    centroids: Vectors
    assignment: IntArray
    tokens: IntArray
    silhouette: float
    scores: dict[int, float]
    config: PartitionConfig

    @property
    def k(self) -> int:
        """Number of cells."""
        return len(self.centroids)

    @cached_property
    def _members(self) -> list[list[int]]:
        order = np.argsort(self.assignment, kind="stable")
        borders = np.searchsorted(self.assignment[order], np.arange(1, self.k))
        return [rows.tolist() for rows in np.split(order, borders)]

    def members(self) -> list[list[int]]:
        """Rows of the passages of each cell, ascending."""
        return self._members

    def oversize(self) -> list[int]:
        """Cells over the budget: those of one passage, or of copies of one, that cannot be cut further."""
        return np.flatnonzero(self.tokens > self.config.budget).tolist()

    def save(self, folder: Path) -> None:
        """Writes ``partition.safetensors`` into ``folder``."""
        facts = {
            "silhouette": self.silhouette,
            "scores": list(self.scores.items()),
            "config": asdict(self.config),
        }
        tensors: dict[str, npt.NDArray[Any]] = {
            "centroids": self.centroids,
            "assignment": self.assignment,
            "tokens": self.tokens,
        }
        save_file(tensors, folder / FILE, metadata={"facts": json.dumps(facts)})

    @classmethod
    def load(cls, folder: Path) -> Partition:
        """Reads what ``save`` wrote.

        Raises:
            ArtefactStale: The file is missing or damaged.
        """
        try:
            with safe_open(folder / FILE, "numpy") as file:
                facts = json.loads((file.metadata() or {})["facts"])
                tensors = {name: file.get_tensor(name) for name in ("centroids", "assignment", "tokens")}
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ArtefactStale(
                f"The partition in {folder} cannot be read ({error}).", "Run `python -m app cluster` again."
            ) from error
        scores = {int(k): float(score) for k, score in facts["scores"]}
        return cls(**tensors, silhouette=facts["silhouette"], scores=scores, config=PartitionConfig(**facts["config"]))


def why_another_count(cells: int, asked: int, cell_tokens: int) -> str:
    """Why a partition has more or fewer cells than were asked for, in one sentence."""
    if cells > asked:
        return said(
            "{asked} cells were asked for: those of more than {tokens:,} tokens were split.",
            asked=asked,
            tokens=cell_tokens,
        )
    return said(
        "{asked} cells were asked for, but the corpus has no more than {cells} different passages.",
        asked=asked,
        cells=cells,
    )


def partition_passages(
    vectors: Vectors, tokens: IntArray, config: PartitionConfig
) -> Generator[Progress, None, Partition]:
    """Cuts passages into cells.

    Args:
        vectors: [n, dim] unit vectors of the passages.
        tokens: [n] tokens of each passage in the prompt.
        config: Bounds and seed.

    Yields:
        A step for each cell count tried, with its silhouette.

    Returns:
        The partition with the best silhouette; of equals the one with the fewest cells.

    Raises:
        TesseraError: There is no passage, or vectors and tokens do not match.
    """
    if len(vectors) == 0 or len(vectors) != len(tokens):
        raise TesseraError(f"{len(vectors)} vectors and {len(tokens)} token counts.", "Prepare the corpus again.")
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    candidates = candidate_counts(tokens, count_distinct(vectors), config)
    found: list[Partition] = []
    yield Progress("Cutting cells", 0, len(candidates))
    for k in candidates:
        found.append(_cut(vectors, tokens, k, config))
        score = found[-1].silhouette
        note = said("k = {k}: {n} cells, silhouette {score:.3f}", k=k, n=found[-1].k, score=score)
        yield Progress("Cutting cells", len(found), len(candidates), note, {"k": k, "silhouette": score})
    best = max(found, key=lambda partition: partition.silhouette)
    scores = {k: partition.silhouette for k, partition in zip(candidates, found, strict=True)}
    return replace(best, scores=scores)


def candidate_counts(tokens: IntArray, distinct: int, config: PartitionConfig) -> list[int]:
    """Cell counts worth trying, ascending, spread evenly on a logarithmic scale.

    Between all cells full and all cells half full; a small corpus, which fits in one cell, is still tried up to the
    square root of its size, so that its topics can part. One cell has silhouette 0: it wins where no cut is better.

    Args:
        tokens: [n] tokens of each passage.
        distinct: Number of different vectors; more cells than that would be empty.
        config: Bounds.
    """
    if not config.auto_k:
        return [min(config.k or 1, distinct)]
    total = int(tokens.sum())
    fewest = config.k_min or -(-total // config.budget) or 1
    most = config.k_max or max(fewest, -(-2 * total // config.budget), round(len(tokens) ** 0.5))
    fewest, most = min(fewest, most, distinct), min(most, distinct)
    # Passages times centroids: of 100,000 passages only the smallest count can be tried in minutes.
    affordable = max(1, _MAX_WORK // (len(tokens) * most))
    spread = np.geomspace(fewest, most, num=min(_MAX_CANDIDATES, most - fewest + 1, affordable))
    return sorted({round(float(k)) for k in spread})


Cut = tuple[Vectors, IntArray, IntArray]
"""Centroids, assignment and tokens of each cell."""


def _cut(vectors: Vectors, tokens: IntArray, k: int, config: PartitionConfig) -> Partition:
    cut = settle(vectors, tokens, k_means(vectors, k, config.seed))
    if not config.auto_k:
        cut = _filled_up(vectors, tokens, cut, k, config.seed)
    centroids, assignment, weight = within_budget(vectors, tokens, cut, config)
    _, first = np.unique(assignment, return_index=True)
    order = np.lexsort((first, -weight))
    assignment = np.argsort(order)[assignment].astype(np.int64)
    score = silhouette(vectors, assignment)
    return Partition(centroids[order], assignment, weight[order], score, {k: score}, config)


def within_budget(vectors: Vectors, tokens: IntArray, cut: Cut, config: PartitionConfig) -> Cut:
    """Cuts cells over the budget in two until every cell fits or cannot be cut."""
    centroids, assignment, weight = cut
    for _ in range(_MAX_ROUNDS):
        pieces: list[Vectors] = []
        for cell, centroid in enumerate(centroids):
            halves = halve(vectors[assignment == cell], config.seed) if weight[cell] > config.budget else None
            pieces.append(centroid[None] if halves is None else halves)
        if sum(map(len, pieces)) == len(centroids):
            break
        # A new centroid may draw passages from its neighbours, so everything is assigned again.
        centroids, assignment, weight = settle(vectors, tokens, np.concatenate(pieces))
    return centroids, assignment, weight


def _filled_up(vectors: Vectors, tokens: IntArray, cut: Cut, k: int, seed: int) -> Cut:
    """Cuts the largest cells in two until there are ``k``: k-means leaves some cells empty where passages are alike."""
    for _ in range(_MAX_ROUNDS):
        centroids, assignment, weight = cut
        pairs = (
            (cell, halve(vectors[assignment == cell], seed)) for cell in np.argsort(-weight, kind="stable").tolist()
        )
        found = next(((cell, pair) for cell, pair in pairs if pair is not None), None)
        if len(centroids) >= k or found is None:
            break
        cell, pair = found
        cut = settle(vectors, tokens, np.concatenate([np.delete(centroids, cell, axis=0), pair]))
    return cut


def settle(vectors: Vectors, tokens: IntArray, centroids: Vectors) -> Cut:
    """Assigns every passage and drops empty cells; returns centroids, assignment and tokens of each cell."""
    used, assignment = np.unique(nearest(vectors, centroids), return_inverse=True)
    weight = np.bincount(assignment, weights=tokens).astype(np.int64)
    return centroids[used], assignment.astype(np.int64), weight
