"""Shuffled memory: routes as the memory does, then reads another document's z. Only the difference to it is memory."""

from __future__ import annotations

from core.memory.z_reader import shuffled
from core.methods.memory import LlmAsMemory, open_memory
from core.methods.resources import Resources


class ShuffledMemory(LlmAsMemory):
    """Answers from the z of a document that was not asked for; each document has its fixed stand-in.

    Args:
        resources: Needs the artefact memory.

    Raises:
        ArtefactMissing: There is no memory yet.
        ArtefactStale: It was trained on another corpus or another base model.
        TesseraError: It holds one document only.
    """

    name = "shuffled-memory"

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources, memory=shuffled(open_memory(resources), resources.settings.seed))
