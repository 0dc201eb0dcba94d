"""The pages: where each is, what it is called, and the one question it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.settings import ROOT


@dataclass(frozen=True)
class PageInfo:
    """A page of the app.

    Attributes:
        name: Its address and file name.
        title: Its name for people.
        icon: A Material symbol.
        question: The one question it answers.
        heading: What its header says, when that is not its title.
    """

    name: str
    title: str
    icon: str
    question: str
    heading: str = ""

    @property
    def path(self) -> Path:
        """The script."""
        return ROOT / "pages" / f"{self.name}.py"


PAGES: dict[str, PageInfo] = {
    page.name: page
    for page in (
        PageInfo(
            "start", "Start", ":material/grid_view:", "What is this, and what is ready on this machine?", "Tessera"
        ),
        PageInfo("compare", "Compare", ":material/compare:", "How do three ways of knowing answer the same question?"),
        PageInfo("learn", "Learn", ":material/school:", "How does each of the three ways work, step by step?"),
        PageInfo("corpus", "Corpus", ":material/library_books:", "What does the model get to know?"),
        PageInfo(
            "stores",
            "Stores",
            ":material/manage_search:",
            "Which engine finds passages, how fast, and what does approximation cost?",
        ),
        PageInfo(
            "map", "Map", ":material/map:", "Where do the passages lie, and which cell does a question fall into?"
        ),
        PageInfo("caches", "Caches", ":material/hexagon:", "What does it cost to keep a cell ready to continue from?"),
        PageInfo(
            "redis", "Redis", ":material/bolt:", "What does a server add: kept answers, words beside vectors, counters?"
        ),
        PageInfo(
            "serverless",
            "Serverless",
            ":material/cloud:",
            "What do cold starts, throttles and the index cost when traffic rises?",
        ),
        PageInfo("memory", "Memory", ":material/blur_on:", "Can documents live in a model as a handful of vectors?"),
        PageInfo(
            "changes",
            "Live change",
            ":material/published_with_changes:",
            "How soon does each way know about a change, and what does the change break?",
        ),
        PageInfo(
            "evaluate",
            "Evaluate",
            ":material/monitoring:",
            "Which way answers better, faster and smaller, and by how much?",
        ),
    )
}

FOR_ARTEFACT = {
    "corpus": "corpus",
    "embeddings": "corpus",
    "index": "corpus",
    "partition": "map",
    "projection": "map",
    "caches": "caches",
    "blocks": "caches",
    "memory": "memory",
}
"""The page on which each artefact is built."""
