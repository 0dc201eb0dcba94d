"""The Gradio front as it is served: a real server in this process, real methods on a tiny model."""

from dataclasses import replace

import pytest

from app.gradio.serve import GradioFront
from core import pipeline
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.models import TinyModels


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory, tiny_lm, tiny_encoder):
    settings = Settings(workspaces=tmp_path_factory.mktemp("gradio"), reader=False, score_cutoff=0)
    return TinyModels(replace(settings, max_new_tokens=8, cell_tokens=400), tiny_lm, tiny_encoder)


@pytest.fixture(scope="session")
def tiny_workspace(tiny_models, tiny_corpus):
    """Everything but a memory: the memory method has to say what it lacks."""
    ws = Workspace(tiny_models.settings.workspaces / "tiny")
    list(pipeline.prepare_corpus(ws, tiny_models, tiny_corpus))
    list(pipeline.cluster(ws, tiny_models, tiny_models.settings, PartitionConfig(auto_k=False, k=3, cell_tokens=4000)))
    list(pipeline.blocks(ws, tiny_models, tiny_models.settings))
    return ws


@pytest.fixture(scope="session")
def address(tiny_workspace, tiny_models):
    front = GradioFront(tiny_workspace, tiny_models, tiny_models.settings, port=0, mcp=True)
    yield front.address
    front.close()
