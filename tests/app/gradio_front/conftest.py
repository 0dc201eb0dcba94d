"""The Gradio front as it is served: a real server in this process, real arms on a tiny model."""

import socket
from dataclasses import replace

import pytest

from app.gradio_front.serve import serve
from core import pipeline
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.models import TinyModels


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory, tiny_lm, tiny_encoder):
    settings = Settings(workspaces=tmp_path_factory.mktemp("gradio"), reader=False)
    return TinyModels(replace(settings, max_new_tokens=8, cell_tokens=400), tiny_lm, tiny_encoder)


@pytest.fixture(scope="session")
def tiny_workspace(tiny_models, tiny_corpus):
    """Everything but a memory: the memory arm has to say what it lacks."""
    ws = Workspace(tiny_models.settings.workspaces / "tiny")
    list(pipeline.prepare_corpus(ws, tiny_models, tiny_corpus))
    list(pipeline.cluster(ws, tiny_models, PartitionConfig(auto_k=False, k=3, cell_tokens=4000)))
    list(pipeline.cache(ws, tiny_models))
    return ws


@pytest.fixture(scope="session")
def address(tiny_workspace, tiny_models):
    address, demo = serve(tiny_workspace, tiny_models, port=free_port(), mcp=True)
    yield address
    demo.close()
