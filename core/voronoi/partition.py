"""The partition: spherical k-means divides the embedding space into Voronoi cells.

Every passage belongs to the cell of its nearest centroid, by the same rule that routes a question. The silhouette
chooses the number of cells. For whole-cell caches there is a token budget: a cell above it is split until it fits.
Blocks of single passages need no budget.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from core.corpus.store import load_passages
from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError, require_positive
from core.jobs import Progress
from core.messages import message
from core.models.encoder import Vectors
from core.voronoi.kmeans import IntArray, count_distinct, k_means, nearest, split
from core.voronoi.silhouette import silhouette
from core.workspace import Workspace

FILE = "partition.safetensors"
_MAX_CANDIDATES = 8
_MAX_WORK = 2 * 10**9
_MAX_ROUNDS = 64
_UNBOUNDED = 2**62


@dataclass(frozen=True)
class PartitionConfig:
    """Settings of the partition.

    Attributes:
        auto_k: Let the silhouette choose k within the bounds; otherwise use ``k``.
        k: Number of cells if ``auto_k`` is off. There are fewer if fewer passages are distinct, and more if the budget
            requires it.
        k_min: Fewest cells to try; None means as many as the budget needs, or a fifth of the passages.
        k_max: Most cells to try; None means cells that are half full on average, or hold two passages.
        cell_tokens: Most passage tokens in a cell (a single passage may exceed it); None sets no bound.

    Raises:
        TesseraError: A value is out of range.
    """

    auto_k: bool = True
    k: int | None = None
    k_min: int | None = None
    k_max: int | None = None
    cell_tokens: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.auto_k and self.k is None:
            raise TesseraError("A fixed number of cells was asked for, but not which.", "Give k.")
        require_positive(self, "k", "k_min", "k_max", "cell_tokens")
        if self.k_min and self.k_max and self.k_min > self.k_max:
            why = message("k_min {low} is above k_max {high}.", low=self.k_min, high=self.k_max)
            raise TesseraError(why, "Swap them.")

    @property
    def budget(self) -> int:
        """Most passage tokens in a cell."""
        return self.cell_tokens or _UNBOUNDED


@dataclass(frozen=True)
class Partition:
    """k centroids and the cell of every passage.

    Cells are numbered by size in tokens, largest first; among equals, the cell with the earliest passage comes first.

    Attributes:
        centroids: [k, dim] float32, unit length.
        assignment: [n] cell of each passage, which is the one whose centroid is most similar.
        tokens: [k] passage tokens of each cell.
        silhouette: Mean silhouette (cosine) over all passages, -1 to 1; 0 for a single cell.
        scores: Silhouette of each cell count that was tried.
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

    def validate(self) -> None:
        """Checks that centroids are finite and silhouettes in range.

        Raises:
            TesseraError: A value is invalid.
        """
        scores = np.array([self.silhouette, *self.scores.values()], dtype=np.float64)
        if not (np.isfinite(self.centroids).all() and (np.abs(scores) <= 1).all()):
            raise TesseraError("The cells hold a value that is not a number.", "Embed the passages again.")

    def save(self, folder: Path) -> None:
        """Writes ``partition.safetensors`` into ``folder``."""
        facts = {"silhouette": self.silhouette, "scores": list(self.scores.items()), "config": asdict(self.config)}
        tensors: dict[str, npt.NDArray[Any]] = {
            "centroids": self.centroids,
            "assignment": self.assignment,
            "tokens": self.tokens,
        }
        (folder / FILE).write_bytes(save(tensors, {"facts": json.dumps(facts)}))

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
            scores = {int(k): float(score) for k, score in facts["scores"]}
            config = PartitionConfig(**facts["config"])
            partition = cls(**tensors, silhouette=facts["silhouette"], scores=scores, config=config)
            partition.validate()
            return partition
        except (OSError, SafetensorError, KeyError, ValueError, TypeError, TesseraError) as error:
            values = {"kind": message("partition"), "folder": folder, "error": error}
            why = message("The {kind} in {folder} cannot be read ({error}).", **values)
            raise ArtefactStale(why, kinds=("partition",)) from error


def explain_cell_count(cells: int, requested: int, cell_tokens: int) -> str:
    """One sentence on why a partition has more or fewer cells than requested."""
    if cells > requested:
        return message(
            "{asked} cells were asked for: those of more than {tokens:,} tokens were split.",
            asked=requested,
            tokens=cell_tokens,
        )
    return message(
        "{asked} cells were asked for, but the corpus has no more than {cells} different passages.",
        asked=requested,
        cells=cells,
    )


def partition_passages(
    vectors: Vectors, tokens: IntArray, config: PartitionConfig
) -> Generator[Progress, None, Partition]:
    """Divides passages into cells.

    Args:
        vectors: [n, dim] unit vectors of the passages.
        tokens: [n] number of tokens of each passage in the prompt.

    Yields:
        Progress with the silhouette of each cell count that was tried.

    Returns:
        The partition with the best silhouette, and the fewest cells among equals.

    Raises:
        TesseraError: There is no passage, vectors and tokens do not match, or a vector has a value that is not finite.
    """
    if len(vectors) == 0 or len(vectors) != len(tokens):
        why = message("{vectors} vectors and {tokens} token counts.", vectors=len(vectors), tokens=len(tokens))
        raise TesseraError(why, "Prepare the corpus again.")
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise TesseraError("A vector holds a value that is not a number.", "Embed the passages again.")
    candidates = candidate_counts(tokens, count_distinct(vectors), config)
    partitions: list[Partition] = []
    yield Progress("Cutting cells", 0, len(candidates))
    for k in candidates:
        partitions.append(_partition(vectors, tokens, k, config))
        score = partitions[-1].silhouette
        note = message("k = {k}: {n} cells, silhouette {score:.3f}", k=k, n=partitions[-1].k, score=score)
        yield Progress("Cutting cells", len(partitions), len(candidates), note, {"k": k, "silhouette": score})
    for partition in partitions:
        partition.validate()
    best = max(partitions, key=lambda partition: partition.silhouette)
    scores = {k: partition.silhouette for k, partition in zip(candidates, partitions, strict=True)}
    return replace(best, scores=scores)


def candidate_counts(tokens: IntArray, distinct: int, config: PartitionConfig) -> list[int]:
    """Cell counts to try, ascending, evenly spaced on a logarithmic scale.

    Without a budget, cells of five passages down to two: searching one cell in twenty then finds nearly everything that
    a search of all passages finds, while larger cells lose up to a quarter (see ``default_nprobe``), however good their
    silhouette. With a budget, from all cells full to all cells half full; for a small corpus that fits in one cell, up
    to the square root of its size, so that its topics can be separated. A single cell has silhouette 0, so it wins only
    if no division is better.

    Args:
        tokens: [n] number of tokens of each passage.
        distinct: Number of different vectors; with more cells, some would be empty.
    """
    if not config.auto_k:
        return [min(config.k or 1, distinct)]
    total, count = int(tokens.sum()), len(tokens)
    if config.cell_tokens:
        fewest = config.k_min or -(-total // config.budget) or 1
        most = config.k_max or max(fewest, -(-2 * total // config.budget), round(count**0.5))
    else:
        # Passages times centroids: beyond 100,000 passages, cells grow with the corpus.
        fewest = config.k_min or max(1, min(count // 5, _MAX_WORK // count))
        most = config.k_max or max(fewest, min(count // 2, _MAX_WORK // count))
    fewest, most = min(fewest, most, distinct), min(most, distinct)
    # With 100,000 passages, only the smallest count can be tried within minutes.
    affordable = max(1, _MAX_WORK // (count * most))
    spread = np.geomspace(fewest, most, num=min(_MAX_CANDIDATES, most - fewest + 1, affordable))
    return sorted({round(float(k)) for k in spread})


Cells = tuple[Vectors, IntArray, IntArray]
"""Centroids [k, dim], assignment [n], and number of tokens of each cell [k]."""


def _partition(vectors: Vectors, tokens: IntArray, k: int, config: PartitionConfig) -> Partition:
    cells = assign(vectors, tokens, k_means(vectors, k, config.seed))
    if not config.auto_k:
        cells = _split_to_count(vectors, tokens, cells, k, config.seed)
    centroids, assignment, weight = within_budget(vectors, tokens, cells, config)
    _, first = np.unique(assignment, return_index=True)
    order = np.lexsort((first, -weight))
    assignment = np.argsort(order)[assignment].astype(np.int64)
    score = silhouette(vectors, assignment)
    return Partition(centroids[order], assignment, weight[order], score, {k: score}, config)


def within_budget(vectors: Vectors, tokens: IntArray, cells: Cells, config: PartitionConfig) -> Cells:
    """Splits cells above the budget until every cell fits or cannot be split."""
    centroids, assignment, weight = cells
    for _ in range(_MAX_ROUNDS):
        pieces: list[Vectors] = []
        for cell, centroid in enumerate(centroids):
            halves = split(vectors[assignment == cell], config.seed) if weight[cell] > config.budget else None
            pieces.append(centroid[None] if halves is None else halves)
        if sum(map(len, pieces)) == len(centroids):
            break
        # A new centroid may attract passages of neighbouring cells, so all passages are assigned again.
        centroids, assignment, weight = assign(vectors, tokens, np.concatenate(pieces))
    return centroids, assignment, weight


def _split_to_count(vectors: Vectors, tokens: IntArray, cells: Cells, k: int, seed: int) -> Cells:
    """Splits the largest cells until there are ``k``: k-means leaves cells empty if passages are similar."""
    for _ in range(_MAX_ROUNDS):
        centroids, assignment, weight = cells
        pairs = (
            (cell, split(vectors[assignment == cell], seed)) for cell in np.argsort(-weight, kind="stable").tolist()
        )
        divisible = next(((cell, pair) for cell, pair in pairs if pair is not None), None)
        if len(centroids) >= k or divisible is None:
            break
        cell, pair = divisible
        cells = assign(vectors, tokens, np.concatenate([np.delete(centroids, cell, axis=0), pair]))
    return cells


def assign(vectors: Vectors, tokens: IntArray, centroids: Vectors) -> Cells:
    """Assigns every passage to its nearest centroid and drops empty cells."""
    used, assignment = np.unique(nearest(vectors, centroids), return_inverse=True)
    weight = np.bincount(assignment, weights=tokens).astype(np.int64)
    return centroids[used], assignment.astype(np.int64), weight


def reassigned(partition: Partition, vectors: Vectors, tokens: IntArray) -> Partition:
    """The partition after passages were added, changed or removed: all are assigned again, centroids stay.

    Cells without a change keep their passages and so their caches. k is not chosen again, so build a new partition
    after many changes.

    Cells keep their numbers unless one becomes empty; the second half of a split cell comes right after the first.
    The silhouette remains that of the original partition.

    Args:
        vectors: [n, dim] unit vectors of the passages now.
        tokens: [n] number of tokens of each.
    """
    cells = within_budget(vectors, tokens, assign(vectors, tokens, partition.centroids), partition.config)
    centroids, assignment, weight = cells
    return replace(partition, centroids=centroids, assignment=assignment, tokens=weight)


def cell_labels(ws: Workspace) -> list[str]:
    """What each cell of the workspace is about; empty if there is no partition yet."""
    return list(ws.params("partition").get("labels", []))


def load_cells(ws: Workspace) -> list[list[Passage]]:
    """Passages of each cell of the workspace, in row order.

    Raises:
        ArtefactMissing: There is no partition yet.
    """
    passages = load_passages(ws)  # first: what an empty workspace lacks before all else is a corpus
    return cells_of(ws.read("partition", Partition.load), passages)


def cells_of(partition: Partition, passages: Sequence[Passage]) -> list[list[Passage]]:
    """The passages of each cell, in row order."""
    return [[passages[row] for row in rows] for rows in partition.members()]
