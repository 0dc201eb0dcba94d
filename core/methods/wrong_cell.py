"""Wrong cell: CAG with the nearest cell that holds no gold passage. What it gets right, the cache did not tell it.

The nearest of the wrong cells is the hardest control: its passages are about similar things, so whatever topic and
wording alone can do for an answer, they do here.
"""

from __future__ import annotations

from core.errors import TesseraError
from core.methods.cag import Cag
from core.methods.resources import Resources
from core.models.encoder import Vectors
from core.voronoi.routing import Route, route


class WrongCell(Cag):
    """Answers from the KV cache of a cell that does not hold what was asked for.

    Args:
        resources: Needs what ``Cag`` needs; knows the gold passages of its questions, see ``Resources.gold``.

    Raises:
        ArtefactMissing: An artefact is not there.
        ArtefactStale: The caches were built by another model, prompt or adapter, or from other cells.
    """

    name = "wrong-cell"

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._gold = resources.gold
        self._rows = resources.corpus.index()

    def _route(self, question: str, vector: Vectors) -> Route:
        """The nearest two cells without a gold passage.

        Raises:
            TesseraError: Nobody has said which passages are right, or every cell holds one of them.
        """
        right = {int(self._partition.assignment[self._rows[passage_id]]) for passage_id in self._gold(question)}
        routed = route(self._partition, vector, nprobe=self._partition.k)
        pairs = zip(routed.cells, routed.similarities, strict=True)
        wrong = [(cell, similarity) for cell, similarity in pairs if cell not in right][:2]
        if not wrong:
            raise TesseraError(
                f"Every one of the {self._partition.k} cells holds a gold passage of this question.",
                "Cut the corpus into more cells.",
            )
        cells, similarities = zip(*wrong, strict=True)
        return Route(cells, similarities, routed.margin, routed.rival)
