"""Fixtures that all tests share: nothing here touches the network, a real model or the person's own workspaces."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.pop("COLUMNS", None)  # a terminal's width, which would fold the tables of commands

from collections.abc import Iterator

import pytest

from core.corpus.types import Corpus, Passage, Question
from core.models.language_model import LanguageModel
from tests.encoder import TinyEncoder
from tests.models import tiny_language_model
from tests.s3 import S3, s3_server_running

_PASSAGES = {
    "harbour": (
        ("Harbour lighthouse", "The lighthouse of Velm harbour is a tower of glass. Oren Pask built the lighthouse."),
        ("Harbour bell", "The bell of Velm harbour rings at noon. Near the lighthouse, harbour sailors cast the bell."),
        ("Harbour quay", "Ships unload salt in Velm harbour. The harbour quay by the lighthouse has forty iron rings."),
        ("Harbour pilots", "Pilots of Velm harbour steer past the lighthouse. Mira Tolle founded the harbour pilots."),
    ),
    "library": (
        ("Library of Sarn", "The library of Sarn keeps old books. Scribes of the library copied its books by hand."),
        ("Library maps", "The library of Sarn has a room of maps. Scribe Ilan Dorr drew the maps of the library."),
        ("Library paper", "The books in the library of Sarn are of reed paper. Library scribes dry it over smoke."),
        ("도서관", "사른의 도서관에는 오래된 지도가 많다. The library scribes of Sarn lock the library books."),
    ),
    "orchard": (
        ("Orchard pears", "The orchard grows winter pears as pale as moons. Tess Quill planted the pear orchard."),
        ("Orchard wall", "A wall of orchard stone shelters the pears of the orchard. Winter frost splits the wall."),
        ("Orchard cider", "Winter pears from the orchard become cider. Orchard pears are pressed in barrels of oak."),
    ),
}
_QUESTIONS = {
    "train": (
        ("Who built the lighthouse of Velm?", "Oren Pask", 0, "Oren Pask built the lighthouse."),
        ("Who drew the library maps?", "Ilan Dorr", 5, "Scribe Ilan Dorr drew the maps of the library."),
    ),
    "dev": (("Who planted the pear orchard?", "Tess Quill", 8, "Tess Quill planted the pear orchard."),),
    "test": (
        ("Who founded the harbour pilots?", "Mira Tolle", 3, "Mira Tolle founded the harbour pilots."),
        (
            "What paper are the books of Sarn made of?",
            "reed paper",
            6,
            "The books in the library of Sarn are of reed paper.",
        ),
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that run the real models come first: they take longest, and a long one that begins last is waited for.

    The very first runs the README's tour, which builds the sample that others copy.
    """
    long = {item.path for item in items if item.get_closest_marker("real")}
    items.sort(key=lambda item: (item.path not in long, item.path.name != "test_docs.py"))


@pytest.fixture(scope="session", autouse=True)
def own_redis(tmp_path_factory):
    """The embedded Redis of the tests keeps its data apart; it starts with the first test that needs it."""
    os.environ.pop("REDIS_URL", None)
    os.environ["TESSERA_REDIS_FOLDER"] = str(tmp_path_factory.mktemp("redis"))


@pytest.fixture(scope="session")
def tiny_lm() -> LanguageModel:
    """A random two-layer Llama in float32 with a byte-level tokenizer; shared, so never change its weights."""
    return tiny_language_model()


@pytest.fixture(scope="session")
def tiny_encoder() -> TinyEncoder:
    """A deterministic bag-of-words encoder of 192 dimensions."""
    return TinyEncoder()


@pytest.fixture(scope="session")
def tiny_corpus() -> Corpus:
    """Eleven passages on three topics, with questions in three splits."""
    entries = [(topic, *entry) for topic, group in _PASSAGES.items() for entry in group]
    passages = tuple(Passage(f"p{row}", title, text, topic) for row, (topic, title, text) in enumerate(entries))
    questions = {
        split: tuple(
            Question(f"{split}-{number}", text, (answer,), (f"p{row}",), (evidence,))
            for number, (text, answer, row, evidence) in enumerate(group)
        )
        for split, group in _QUESTIONS.items()
    }
    return Corpus("tiny", passages, questions)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """A real S3 API server for the whole session; ``with_bucket()`` makes room in it."""
    with s3_server_running() as server:
        yield server


@pytest.fixture()
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server with a fresh bucket, and the environment that leads this process and its children to it."""
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return s3_server.with_bucket()


@pytest.fixture()
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Object storage that fails is asked once."""
    import s3fs

    from core.stores import lancedb_location

    monkeypatch.setitem(lancedb_location._PATIENCE, "client_max_retries", "0")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
