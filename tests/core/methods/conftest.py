"""A workspace in which every method can be opened, built by the real pipeline on tiny models."""

from __future__ import annotations

import pytest

from core import pipeline
from core.memory.config import MemoryConfig
from core.methods.resources import Resources
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.models import TinyModels

TINY_MEMORY = MemoryConfig(
    m=2, z_dim=16, lora_r=2, steps=2, batch=4, router_dim=8, router_layer=1, router_steps=2, eval_every=2,
    evidence_tokens=8,
)  # fmt: skip


@pytest.fixture(scope="session")
def models(tiny_lm, tiny_encoder, tmp_path_factory) -> TinyModels:
    settings = Settings(workspaces=tmp_path_factory.mktemp("workspaces"), max_new_tokens=8, top_k=2, score_cutoff=0)
    return TinyModels(settings, tiny_lm, tiny_encoder)


@pytest.fixture(scope="session")
def built(models, tiny_corpus) -> Workspace:
    """Shared by all tests of a session: read it, never change it."""
    ws = Workspace(models.settings.workspaces / "tiny")
    for work in (
        pipeline.prepare_corpus(ws, models, tiny_corpus),
        pipeline.cluster(ws, models, models.settings, PartitionConfig(auto_k=False, k=3, cell_tokens=4000)),
        pipeline.cache(ws, models, models.settings),
        pipeline.blocks(ws, models, models.settings),
        pipeline.train(ws, models, TINY_MEMORY),
    ):
        assert list(work)
    return ws


@pytest.fixture
def resources(built, models) -> Resources:
    return Resources(built, models, models.settings)
