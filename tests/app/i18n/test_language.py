"""What a saved run says in words is in the language of whoever reads it."""

import json

import pytest

from app import i18n
from core.messages import message


@pytest.fixture(autouse=True)
def korean(monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "ko")


@pytest.mark.parametrize(
    "said",
    [
        message("CPU, {n} thread", n=1),
        message("CPU, {n} threads", n=16),
        message("{name}, {n:,} passages", name="own, 2026", n=1204),
        message("draws from the same {n:,} clusters", n=5000),
        message("synthetic, {n:,} vectors", n=50000),
        message("it searches by words, and these vectors have none"),
        message("There are no {split} questions whose passages are known.", split="dev"),
    ],
)
def test_a_file_keeps_the_sentence_and_its_words_are_found_again(said):
    read = json.loads(json.dumps({"said": said}))["said"]
    assert type(read) is str
    assert i18n.saved(read) == i18n.t(said)


@pytest.mark.parametrize("name", ["NVIDIA X", "x needs more", "about nine threads", "Harbour: the {old} one", ""])
def test_what_is_no_sentence_of_the_table_stays(name):
    assert i18n.saved(name) == name


def test_a_value_that_only_looks_like_a_key_stays():
    assert i18n.saved("Memory, 12 passages") == "Memory, 문단 12개"
