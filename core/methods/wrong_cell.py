"""Wrong cell: CAG with the nearest cells without a gold passage. Its right answers do not come from gold passages.

The nearest wrong cells are the hardest control: their passages are about similar topics, so this measures what topic
and wording alone contribute to an answer.
"""

from __future__ import annotations

from core.errors import TesseraError
from core.messages import message
from core.methods.cag import Cag
from core.methods.cell_search import CellSearch
from core.methods.prefix_cag import PrefixCag
from core.methods.resources import Resources
from core.models.encoder import Vectors
from core.voronoi.routing import Route, route


class WrongCellSearch(CellSearch):
    """Looks into the nearest cells that hold no gold passage, as many as CAG looks into.

    Args:
        resources: Needs what ``CellSearch`` needs; knows the gold passages of its questions, see ``Resources.gold``.
    """

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._gold = resources.gold
        self._rows = resources.corpus.index()

    def route(self, question: str, vector: Vectors) -> Route:
        """See ``CellSearch.route``.

        Raises:
            TesseraError: The gold passages are not known, or every cell contains one.
        """
        right = {int(self.partition.assignment[self._rows[passage_id]]) for passage_id in self._gold(question)}
        routed = route(self.partition, vector, nprobe=self.partition.k)
        pairs = zip(routed.cells, routed.similarities, strict=True)
        wrong = [(cell, similarity) for cell, similarity in pairs if cell not in right][: self.nprobe]
        if not wrong:
            raise TesseraError(
                message("Every one of the {n} cells holds a gold passage of this question.", n=self.partition.k),
                "Cut the corpus into more cells.",
            )
        cells, similarities = zip(*wrong, strict=True)
        return Route(cells, similarities, routed.margin, routed.rival)


class WrongCell(Cag):
    """Answers from the blocks of cells that do not hold what was asked for; see ``Cag``."""

    name = "wrong-cell"
    search = WrongCellSearch


class WrongPrefix(PrefixCag):
    """The same on a server; see ``PrefixCag``."""

    name = "wrong-cell"
    search = WrongCellSearch
