"""A workspace of its own for every test, cut into three cells, and a model with a reader adapter and without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core import pipeline
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.models import TinyModels, tiny_language_model


class TwoModels(TinyModels):
    """Like ``Models`` with a reader adapter: two language models of different identity."""

    def __init__(self, settings, reader, plain, encoder):
        super().__init__(settings, reader, encoder)
        self._plain = plain

    def language_model(self, variant=None):
        return self._lm if (variant or self.variant).adapter else self._plain


@pytest.fixture(scope="session")
def plain_lm():
    return tiny_language_model(seed=1)


@pytest.fixture
def models(tiny_lm, plain_lm, tiny_encoder, tmp_path):
    return TwoModels(Settings(workspaces=tmp_path, max_new_tokens=8), tiny_lm, plain_lm, tiny_encoder)


@pytest.fixture
def set_to(models):
    """Changes settings of ``models``."""

    def change(**values):
        models.settings = replace(models.settings, **values)
        return models

    return change


@pytest.fixture
def ws(models, tiny_corpus):
    workspace = Workspace(models.settings.workspaces / "tiny")
    list(pipeline.prepare_corpus(workspace, models, tiny_corpus))
    list(pipeline.cluster(workspace, models, models.settings, PartitionConfig(auto_k=False, k=3)))
    return workspace
