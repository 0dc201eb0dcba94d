"""A workspace in which a change can be made in every arm, built by the real pipeline on tiny models."""

from __future__ import annotations

import pytest

from core import pipeline
from core.changes.change import Change
from core.corpus.types import Passage, Question
from core.methods.resources import Resources
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.core.methods.conftest import TINY_MEMORY
from tests.models import TinyModels

HORN = Passage("horn", "Harbour horn", "The fog horn of Velm harbour was cast by Ada Brill. It sounds twice.")


@pytest.fixture(scope="session")
def models(tiny_lm, tiny_encoder, tmp_path_factory) -> TinyModels:
    settings = Settings(workspaces=tmp_path_factory.mktemp("changes"), max_new_tokens=8, top_k=2)
    return TinyModels(settings, tiny_lm, tiny_encoder)


@pytest.fixture(scope="session")
def built(models, tiny_corpus) -> Workspace:
    """Shared by all tests of a session: no race may change it."""
    ws = Workspace(models.settings.workspaces / "tiny")
    for work in (
        pipeline.prepare_corpus(ws, models, tiny_corpus),
        pipeline.cluster(ws, models, PartitionConfig(auto_k=False, k=3, cell_tokens=4000)),
        pipeline.cache(ws, models),
        pipeline.train(ws, models, TINY_MEMORY),
    ):
        assert list(work)
    return ws


@pytest.fixture
def resources(built, models) -> Resources:
    return Resources(built, models)


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
