"""``verify`` on a tiny model: what it prints, and its exit code."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import cli
from core import pipeline
from core.kvcache.cell_file import LoadedCache
from core.models.language_model import LanguageModel
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.models import TinyModels

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def clustered(tmp_path, monkeypatch, tiny_lm, tiny_encoder, tiny_corpus):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path))
    monkeypatch.setattr(LanguageModel, "load", lambda variant, settings: tiny_lm)
    models = TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder)
    ws = Workspace(tmp_path / "tiny")
    list(pipeline.prepare_corpus(ws, models, tiny_corpus))
    list(pipeline.cluster(ws, models, models.settings, PartitionConfig(auto_k=False, k=3, cell_tokens=4000)))


def test_exact_caches_are_exit_code_0():
    result = run(cli, ["verify", "-w", "tiny", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["exact"] is True
    bounded = [check for check in report["checks"] if check["passed"] is not None]
    assert len(bounded) == 5 and all(check["passed"] for check in bounded)
    assert run(cli, ["verify", "-w", "tiny"]).output.count("passed") == 5


def test_a_cache_that_is_not_is_exit_code_1(monkeypatch):
    honest = LoadedCache.cache

    def tampered(self):
        cache = honest(self)
        cache.layers[0].values = cache.layers[0].values * 1.05
        return cache

    monkeypatch.setattr(LoadedCache, "cache", tampered)
    result = run(cli, ["verify", "-w", "tiny", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["exact"] is False
    assert "FAILED" in run(cli, ["verify", "-w", "tiny"]).output
