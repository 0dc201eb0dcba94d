"""LLM-as-Memory takes up a change: one z begins from the text and is optimised, and is asked again as it learns.

Only that z moves; what it learns from is the passage alone, never the question that is asked.
"""

from __future__ import annotations

from core.changes.change import Change
from core.changes.clock import Clock
from core.changes.takers.base import Place, Taking
from core.memory.adaptation import AdaptConfig, adapt
from core.memory.model import Memory
from core.methods.base import Method
from core.methods.memory import LlmAsMemory


class MemoryTaker:
    """Learns, edits or forgets one document.

    Args:
        place: Its copy of the workspace, and how long it may learn.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def open(self) -> Method:
        """See ``Taker.open``."""
        self._method = LlmAsMemory(self._place.resources())
        return self._method

    def take(self, change: Change, clock: Clock) -> Taking:
        """See ``Taker.take``."""
        before, passage = self._method.memory, change.passage
        if change.kind == "delete":
            with clock.stage("forget"):
                memory = before.without_document(passage.id)
            yield self._written(memory, clock)
            return
        with clock.stage("first z"):
            memory = before.with_document(passage) if change.kind == "add" else before.with_edited(passage)
        yield self._written(memory, clock)
        place = self._place
        config = AdaptConfig(place.steps, look_every=place.every, seed=place.models.settings.seed)
        for progress in clock.driving(adapt(memory, passage, (), config), lambda stage: "adapt"):
            yield progress
            if progress.done and (progress.done % place.every == 0 or progress.done == place.steps):
                yield self._written(memory, clock)

    def close(self) -> None:
        """Nothing lies outside its folder."""

    def _written(self, memory: Memory, clock: Clock) -> Method:
        """The arm over a memory, once its z is on disk: the others answer from the disk, too."""
        with clock.stage("write"):
            memory.save(memory.folder)
        return LlmAsMemory(self._place.resources(), memory=memory)
