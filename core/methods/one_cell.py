"""The answers that a question gets from single cells: what CAG would say if the question were routed there."""

from __future__ import annotations

from collections.abc import Sequence

from core.fair_lock import until_turn
from core.jobs import Progress, Work
from core.messages import message
from core.methods.base import answer
from core.methods.cag import Cag
from core.methods.from_blocks import Selection
from core.methods.resources import Resources
from core.trace import Tracer

STAGE = "Answering from single cells"


class CagInCell(Cag):
    """KV-cache CAG that looks into one cell, whatever the question's own route is; see ``Cag``.

    Its passages are ranked by the question's own vector.
    """

    cell = 0

    def _choose(self, question: str, tracer: Tracer) -> Selection:
        return self._cells.find(question, tracer, only=self.cell).chosen


def answer_from_cells(resources: Resources, question: str, cells: Sequence[int]) -> Work:
    """Answers a question from each of some cells alone.

    Args:
        resources: Needs what ``Cag`` needs.

    Yields:
        Progress with, for each cell, ``cell``, the ``answer`` (an ``Answer``), and what it holds for: ``question``,
        ``settings`` and the fingerprint of the ``partition``.

    Raises:
        TesseraError: CAG cannot be opened, see ``Cag``.
    """
    lock, partition = resources.models.lock, resources.workspace.fingerprint("partition")
    holds_for = {"question": question, "settings": resources.settings, "partition": partition}
    method: CagInCell | None = None
    for done, cell in enumerate(cells):
        with lock.ticket() as ticket:
            yield from until_turn(ticket, done, len(cells))
            method = method or CagInCell(resources)
            method.cell = cell
            result = answer(method, question)
        data = {"cell": cell, "answer": result, **holds_for}
        yield Progress(STAGE, done + 1, len(cells), message("cell {n}", n=cell), data)
