"""Memory + blocks: the model routes the question over the keys of Z and reads the blocks of the documents it chose.

Nothing is encoded, no index of texts is searched and no passage is prefilled. LLM-as-Memory minus this is what reading
Z costs; RAG + blocks minus this is what an encoder and an index bring. Documents that the null slot outweighs are not
read: distractors cost a small reader more than they bring.
"""

from __future__ import annotations

from core.methods.from_blocks import FromBlocks, Selection
from core.methods.memory import open_memory
from core.methods.resources import Resources
from core.trace import Tracer


class MemoryBlocks(FromBlocks):
    """Routing inside the model, then the blocks of the first documents.

    Args:
        resources: Needs the artefacts corpus, memory and blocks.

    Raises:
        ArtefactMissing: One of them is not there.
        ArtefactStale: See ``FromBlocks``; or the memory was trained on another corpus or another base model.
    """

    name = "memory_blocks"

    def __init__(self, resources: Resources) -> None:
        self.memory = open_memory(resources)
        self._rows = resources.corpus.index()
        self._top_k = resources.settings.top_k
        # What was learned after training is in no corpus and has no block: it is routed over and passed by.
        self._passed = sum(passage_id not in self._rows for passage_id in self.memory.pool.ids)
        super().__init__(resources)

    def _choose(self, question: str, tracer: Tracer) -> Selection:
        with tracer.span("route"):
            routing = self.memory.route(question, self._top_k + self._passed)
        best = [routed for routed in routing.documents if routed.passage_id in self._rows][: self._top_k]
        chosen = [routed for routed in best if routed.weight > routing.null] or best[:1]
        details = {"null_weight": routing.null, "documents": len(self.memory.pool.ids)}
        rows = [self._rows[routed.passage_id] for routed in chosen]
        return Selection(rows, [routed.weight for routed in chosen], self.memory.index.nbytes, details)
