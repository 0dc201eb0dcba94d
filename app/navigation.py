"""The pages: where each is, what it is called, and the one question it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.artefacts import INDEX_PREFIX
from core.settings import ROOT


@dataclass(frozen=True)
class PageInfo:
    """A page of the app.

    Attributes:
        name: Its address and file name.
        title: Its name for people.
        group: Where the sidebar lists it: "Ask" is for everyone, "Build" for those who bring documents, "Labs" for the
            curious.
        icon: A Material symbol.
        heading: What its header says, when that is not its title.
    """

    name: str
    title: str
    group: str
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
            "start",
            "Start",
            "Ask",
            ":material/grid_view:",
            "What is this, and what is ready on this machine?",
            "Tessera",
        ),
        PageInfo("compare", "Compare", "Ask", ":material/compare:", "How do three methods answer the same question?"),
        PageInfo(
            "learn", "Learn", "Ask", ":material/school:", "How does each of the three methods work, step by step?"
        ),
        PageInfo(
            "evaluate",
            "Evaluate",
            "Ask",
            ":material/monitoring:",
            "Which method answers better, faster and smaller, and by how much?",
        ),
        PageInfo("corpus", "Corpus", "Build", ":material/library_books:", "What does the model get to know?"),
        PageInfo(
            "map",
            "Map",
            "Build",
            ":material/map:",
            "Where do the passages lie, and which cell does a question fall into?",
        ),
        PageInfo(
            "caches",
            "Caches",
            "Build",
            ":material/hexagon:",
            "What do stored keys and values cost, and are they exact?",
        ),
        PageInfo(
            "memory",
            "Memory",
            "Build",
            ":material/blur_on:",
            "Can documents live in a model as vectors of a few numbers?",
        ),
        PageInfo(
            "changes",
            "Live change",
            "Labs",
            ":material/published_with_changes:",
            "How soon does each method know about a change, and what does the change break?",
        ),
        PageInfo(
            "stores",
            "Stores",
            "Labs",
            ":material/manage_search:",
            "Which engine finds passages, how fast, and what does approximation cost?",
        ),
        PageInfo(
            "redis",
            "Redis",
            "Labs",
            ":material/bolt:",
            "What does a server add: kept answers, words beside vectors, counters?",
        ),
        PageInfo(
            "serverless",
            "Serverless",
            "Labs",
            ":material/cloud:",
            "What do cold starts, throttles and the index cost when traffic rises?",
        ),
        PageInfo(
            "plan",
            "Should I cache?",
            "Labs",
            ":material/calculate:",
            "What would each method take for my documents and questions, and what breaks first?",
        ),
    )
}

PAGE_FOR = {
    "corpus": "corpus",
    "embeddings": "corpus",
    "index": "corpus",
    "partition": "map",
    "projection": "map",
    "caches": "caches",
    "blocks": "caches",
    "prefixes": "caches",
    "memory": "memory",
}
"""The page on which each artefact is built."""


def page_for(kind: str) -> str:
    """Name of the page on which an artefact is built; indexes of further stores have one of their own."""
    return "stores" if kind.startswith(INDEX_PREFIX) else PAGE_FOR[kind]
