"""LLM-as-Memory takes up a change: one z begins from the text and is optimised, and is asked again as it learns.

Only that z moves; what it learns from is the passage alone, never the question that is asked.
"""

from __future__ import annotations

from core.labs.changes.change import Change
from core.labs.changes.clock import Clock
from core.labs.changes.updaters.base import Updater, Updates
from core.memory.adaptation import AdaptConfig, adapt, with_document, with_edited, without_document
from core.memory.model import Memory
from core.methods.base import Method
from core.methods.memory import LlmAsMemory


class MemoryUpdater(Updater):
    """Learns, edits or forgets one document."""

    def open(self) -> Method:
        """See ``Updater.open``."""
        self._method = LlmAsMemory(self._context.opening())
        return self._method

    def update(self, change: Change, clock: Clock) -> Updates:
        """See ``Updater.update``."""
        before, passage = self._method.memory, change.passage
        if change.kind == "delete":
            with clock.stage("forget"):
                memory = without_document(before, passage.id)
            yield self._written(memory, clock)
            return
        with clock.stage("first z"):
            memory = with_document(before, passage) if change.kind == "add" else with_edited(before, passage)
        yield self._written(memory, clock)
        context = self._context
        config = AdaptConfig(context.steps, look_every=context.every, seed=context.resources.settings.seed)
        for progress in clock.driving(adapt(memory, passage, (), config), lambda stage: "adapt"):
            yield progress
            if progress.done and (progress.done % context.every == 0 or progress.done == context.steps):
                yield self._written(memory, clock)

    def _written(self, memory: Memory, clock: Clock) -> Method:
        """The method over a memory, once its z is on disk: the others answer from the disk, too."""
        with clock.stage("write"):
            memory.save(memory.folder)
        return LlmAsMemory(self._context.opening(), memory=memory)
