"""Changes to be made in the workspace of the method tests; no race may change that workspace."""

from __future__ import annotations

import pytest

from core.corpus.types import Passage, Question
from core.labs.changes.change import Change
from tests.core.methods.conftest import built, models, resources  # noqa: F401  (fixtures)

HORN = Passage("horn", "Harbour horn", "The fog horn of Velm harbour was cast by Ada Brill. It sounds twice.")


@pytest.fixture
def addition() -> Change:
    return Change("add", HORN, Question("own", "Who cast the fog horn of the harbour?", ("Ada Brill",)))


@pytest.fixture
def edit(tiny_corpus) -> Change:
    text = "The lighthouse of Velm harbour is a tower of glass. Una Reed built the lighthouse."
    question = Question("own", "Who built the lighthouse of Velm?", ("Una Reed",))
    return Change("edit", Passage("p0", "Harbour lighthouse", text, "harbour"), question)


@pytest.fixture
def deletion(tiny_corpus) -> Change:
    return Change("delete", tiny_corpus.passages[8], tiny_corpus.questions["dev"][0])
