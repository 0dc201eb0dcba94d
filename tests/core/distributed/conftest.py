"""A cluster of several raylets on this machine, one thread each, and the tiny models as files that workers load."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.corpus import store
from core.corpus.types import Corpus
from core.settings import Settings
from tests.models import tiny_language_model, tiny_sentence_encoder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "whole_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment that names a tiny language model and a tiny encoder, in files."""
    folder = tmp_path_factory.mktemp("models")
    lm = tiny_language_model()
    lm.model.save_pretrained(folder / "lm")
    lm.tokenizer.save_pretrained(folder / "lm")
    encoder = tiny_sentence_encoder(folder)
    return {
        "TESSERA_MODEL": str(folder / "lm"),
        "TESSERA_ENCODER": str(encoder),
        "TESSERA_DEVICE": "cpu",
        "TESSERA_DTYPE": "float32",
        "TESSERA_MAX_NEW_TOKENS": "8",
        "TESSERA_HOME": str(folder / "home"),
    }


@pytest.fixture()
def environment(tiny_files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """That environment for this process and those it starts; workspaces in a folder of the test."""
    for name, value in (tiny_files | {"TESSERA_WORKSPACES": str(tmp_path / "workspaces")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return Settings.from_environment()


class Raylets:
    """A cluster whose nodes can be killed.

    Attributes:
        address: What ``RAY_ADDRESS`` is set to.
    """

    def __init__(self, nodes: int) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self.address: str = self._cluster.address
        self._nodes = [self._cluster.add_node(num_cpus=1) for _ in range(nodes)]

    def kill_one(self) -> None:
        """Ends a node as a power failure does."""
        self._cluster.remove_node(self._nodes.pop(), allow_graceful=False)

    def add_one(self) -> None:
        self._nodes.append(self._cluster.add_node(num_cpus=1))

    def __len__(self) -> int:
        return len(self._nodes)

    def stop(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="session")
def whole_cluster(tiny_files: dict[str, str]) -> Iterator[Raylets]:
    os.environ |= {
        "RAY_ENABLE_AUTO_CONNECT": "0",  # read when Ray is imported; see core.distributed.connection
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "TESSERA_HOME": tiny_files["TESSERA_HOME"],
    }
    pytest.importorskip("ray", reason="Ray is not installed; `make scale` installs it")
    raylets = Raylets(3)
    yield raylets
    raylets.stop()


@pytest.fixture()
def cluster(whole_cluster: Raylets) -> Raylets:
    """Three nodes, whatever the test before has killed."""
    while len(whole_cluster) < 3:
        whole_cluster.add_one()
    return whole_cluster


@pytest.fixture()
def corpus_folder(tiny_corpus: Corpus, tmp_path: Path) -> Path:
    """The tiny corpus many times over, as a folder to prepare: enough shards for every worker."""
    passages = tuple(
        replace(passage, id=f"{passage.id}-{number}", text=f"{passage.text} So says source {number}.")
        for number in range(60)
        for passage in tiny_corpus.passages
    )
    folder = tmp_path / "corpus"
    folder.mkdir()
    store.save(Corpus("many", passages, {}), folder)
    return folder
