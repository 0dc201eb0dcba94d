"""KV-cache CAG: searches the nearest Voronoi cells, reads the blocks of their best passages, prefills the question.

No passage is tokenised or prefilled at query time: the keys and values of each passage were computed in advance
(cache-augmented generation, Chan et al., "Don't Do RAG", arXiv 2412.15605, but per passage instead of for the whole
corpus). The reader adapter is trained on passages that do not attend to each other. ``core.methods.cag_cell`` uses one
exact cache per cell.
"""

from __future__ import annotations

from collections.abc import Callable

from core.methods.cell_search import CellSearch
from core.methods.from_blocks import FromBlocks, Selection
from core.methods.resources import Resources
from core.trace import Tracer


class Cag(FromBlocks):
    """Answers from the blocks of the best passages in the nearest cells.

    Args:
        resources: Needs the artefacts corpus, embeddings, partition and blocks.

    Raises:
        ArtefactMissing: One of them is not there.
        ArtefactStale: See ``FromBlocks``; or the passages were embedded by another encoder.
    """

    name = "cag"
    search: Callable[[Resources], CellSearch] = CellSearch

    def __init__(self, resources: Resources) -> None:
        self._cells = type(self).search(resources)
        super().__init__(resources)

    def _choose(self, question: str, tracer: Tracer) -> Selection:
        return self._cells.find(question, tracer).chosen
