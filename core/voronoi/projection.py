"""The map: passages projected to the plane, the fidelity of the projection, and the position of a question on it.

UMAP with a fixed seed always gives the same map. A plane cannot preserve 384 dimensions: ``trustworthiness``, which is
shown beside the map, measures how well neighbourhoods are preserved, ``agreement`` how well cells are.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from core.digests import order_header
from core.errors import ArtefactStale
from core.messages import message
from core.models.encoder import Vectors
from core.voronoi.kmeans import IntArray

Points = npt.NDArray[np.float32]
"""Points in the plane, [n, 2], within ``FRAME``."""
Technique = Literal["umap", "pca"]

FILE = "projection.safetensors"
FRAME = (1.6, 1.0)
"""Half the width and half the height of the area that the points fill, in the proportions of the page."""
_UMAP_FROM = 15
_NEIGHBOURS = 15
_FIDELITY_SAMPLE = 2000
_SHARPNESS = 20.0


@dataclass(frozen=True)
class Projection:
    """Passages and cells in the plane.

    Attributes:
        xy: [n, 2] passages.
        centres: [k, 2] mean of the passages of each cell.
        technique: UMAP, or PCA for a corpus too small for UMAP.
        trustworthiness: 0 to 1; lower if passages have neighbours in the plane that are not neighbours in the embedding
            space (Venna and Kaski 2001, 10 neighbours, on a sample of at most 2,000 passages).
        agreement: Share of passages whose nearest centre in the plane is the one of their own cell.
    """

    xy: Points
    centres: Points
    technique: Technique
    seed: int
    trustworthiness: float
    agreement: float

    def save(self, folder: Path) -> None:
        """Writes ``projection.safetensors`` into ``folder``."""
        facts = {
            "technique": self.technique,
            "seed": str(self.seed),
            "trustworthiness": repr(self.trustworthiness),
            "agreement": repr(self.agreement),
        }
        (folder / FILE).write_bytes(save({"xy": self.xy, "centres": self.centres}, facts))
        order_header(folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Projection:
        """Reads what ``save`` wrote.

        Raises:
            ArtefactStale: The file is missing or damaged.
        """
        try:
            with safe_open(folder / FILE, "numpy") as file:
                facts = file.metadata() or {}
                return cls(
                    xy=file.get_tensor("xy"),
                    centres=file.get_tensor("centres"),
                    technique="pca" if facts["technique"] == "pca" else "umap",
                    seed=int(facts["seed"]),
                    trustworthiness=float(facts["trustworthiness"]),
                    agreement=float(facts["agreement"]),
                )
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            values = {"kind": message("projection"), "folder": folder, "error": error}
            why = message("The {kind} in {folder} cannot be read ({error}).", **values)
            raise ArtefactStale(why, kinds=("projection",)) from error


def project(vectors: Vectors, assignment: IntArray, seed: int = 0, technique: Technique | None = None) -> Projection:
    """Projects passages to the plane.

    Args:
        vectors: [n, dim] unit vectors.
        assignment: [n] cell of each passage, numbered 0 to k - 1.
        technique: None means UMAP from 15 passages on, PCA below.
    """
    chosen: Technique = technique or ("umap" if len(vectors) >= _UMAP_FROM else "pca")
    xy = _framed(_umap(vectors, seed) if chosen == "umap" else _pca(vectors))
    k = int(assignment.max()) + 1
    centres = np.stack([xy[assignment == cell].mean(axis=0) for cell in range(k)])
    return Projection(
        xy=xy,
        centres=centres,
        technique=chosen,
        seed=seed,
        trustworthiness=_trustworthiness(vectors, xy, seed),
        agreement=_agreement(xy, centres, assignment),
    )


def project_query(query: Vectors, vectors: Vectors, xy: Points, k: int = 8) -> Points:
    """The position of a question on the map, among its nearest passages in the embedding space.

    With ``UMAP.transform``, it would depend on the other points in the batch. Here it is the mean of the ``k`` nearest
    passages' points, weighted by ``exp(20 (similarity - best similarity))``: a similarity lower by .1 means a seventh
    of the weight.

    Args:
        query: [dim] unit vector.
        vectors: [n, dim] unit vectors of the passages.
        xy: [n, 2] their points.

    Returns:
        [2] point.
    """
    similarity = vectors @ query
    neighbours = np.argsort(-similarity, kind="stable")[:k]
    weights = np.exp(_SHARPNESS * (similarity[neighbours] - similarity[neighbours[0]]))
    point: Points = np.average(xy[neighbours], axis=0, weights=weights)
    return point


def _umap(vectors: Vectors, seed: int) -> Points:
    from umap import UMAP  # compiles for seconds when imported

    reducer = UMAP(
        n_neighbors=min(_NEIGHBOURS, len(vectors) - 1), min_dist=0.25, metric="cosine", random_state=seed, n_jobs=1
    )
    with _threads_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # duplicate passages disconnect the graph, which UMAP warns about but handles
        return np.asarray(reducer.fit_transform(vectors), dtype=np.float32)


@contextmanager
def _threads_kept() -> Iterator[None]:
    """Keeps the threads that torch computes with: UMAP's compiler sets OpenMP's, which they share, to all cores."""
    import torch  # a look at what is built draws no map, and does without it

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _pca(vectors: Vectors) -> Points:
    points = np.zeros((len(vectors), 2), dtype=np.float32)
    axes = min(2, len(vectors) - 1)
    if axes:
        points[:, :axes] = PCA(axes, svd_solver="full").fit_transform(vectors)
    return points


def _framed(points: Points) -> Points:
    """Rotates the direction of largest spread to the horizontal and scales both axes to fill ``FRAME``.

    UMAP's plane has no meaningful directions or units. Fidelity is measured after this, on the points as drawn.
    """
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    if axes.shape == (2, 2):
        # The sign of an axis is arbitrary; making the larger entry positive keeps maps from flipping.
        signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
        centred = centred @ (axes * np.where(signs == 0, 1, signs)[:, None]).T
    low, high = centred.min(axis=0), centred.max(axis=0)
    reach = np.where(high - low > 1e-6, (high - low) / 2, 1.0)
    frame = np.array(FRAME)
    framed: Points = np.clip((centred - (low + high) / 2) / reach * frame, -frame, frame).astype(np.float32)
    return framed


def _trustworthiness(vectors: Vectors, xy: Points, seed: int) -> float:
    if len(vectors) > _FIDELITY_SAMPLE:
        rows = np.random.default_rng(seed).choice(len(vectors), _FIDELITY_SAMPLE, replace=False)
        vectors, xy = vectors[rows], xy[rows]
    neighbours = min(10, (len(vectors) - 1) // 2)
    return float(trustworthiness(vectors, xy, n_neighbors=neighbours, metric="cosine")) if neighbours else 1.0


def _agreement(xy: Points, centres: Points, assignment: IntArray) -> float:
    # |p - c|^2 without |p|^2, which is the same for all centres
    distance = (centres**2).sum(axis=1) - 2 * xy @ centres.T
    return float((distance.argmin(axis=1) == assignment).mean())
