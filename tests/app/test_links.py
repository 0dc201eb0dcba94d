from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from app.links import MAX_QUESTION, MAX_TOP_K, from_params, link, to_params
from core.methods.comparison import Choices

KNOWN = ("rag", "cag", "memory", "closed-book")
DEFAULT = Choices("sample", "", ("rag", "cag", "memory", "closed-book"), True, 3)
CHOICES = Choices("my docs", "Who & what? 등대는 #1", ("cag", "closed-book"), False, 5, "bm25")


def test_a_link_restores_question_and_settings():
    address = link("http://127.0.0.1:8501/compare?old=1", CHOICES)
    params = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert urlsplit(address).path == "/compare"
    assert "old" not in params
    assert from_params(params, KNOWN, DEFAULT) == CHOICES


def test_without_parameters_the_defaults_hold():
    assert from_params({}, KNOWN, DEFAULT) == DEFAULT


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"methods": "nonsense,<script>"}, ("rag", "cag", "memory", "closed-book")),
        ({"methods": "cag,cag,nonsense,rag"}, ("cag", "rag")),
    ],
)
def test_unknown_methods_are_left_out(params, expected):
    assert from_params(params, KNOWN, DEFAULT).methods == expected


@pytest.mark.parametrize(
    ("top_k", "expected"), [("0", 3), ("-4", 3), ("many", 3), ("²", 3), ("7", 7), ("999999", MAX_TOP_K)]
)
def test_a_number_that_makes_no_sense_is_not_taken(top_k, expected):
    assert from_params({"top_k": top_k}, KNOWN, DEFAULT).top_k == expected


def test_an_unknown_store_is_not_taken():
    assert from_params({"store": "<script>"}, KNOWN, DEFAULT).store == "faiss-flat"
    assert from_params({"store": "lancedb-flat"}, KNOWN, DEFAULT).store == "lancedb-flat"


def test_a_link_keeps_what_the_memory_writes_first():
    chosen = replace(CHOICES, memory_order="answer")
    assert from_params(to_params(chosen), KNOWN, DEFAULT) == chosen
    assert from_params({"order": "<script>"}, KNOWN, DEFAULT).memory_order == ""


def test_a_question_of_any_length_is_cut():
    assert len(from_params({"q": "x" * 100_000}, KNOWN, DEFAULT).question) == MAX_QUESTION


def test_parameters_are_text():
    assert all(isinstance(value, str) for value in to_params(CHOICES).values())


def test_a_link_keeps_the_language_that_was_chosen():
    address = link("http://127.0.0.1:8501/compare?lang=ko", CHOICES, {"lang": "ko"})
    assert parse_qs(urlsplit(address).query)["lang"] == ["ko"]
    assert "lang" not in link("http://127.0.0.1:8501/compare?lang=ko", CHOICES)
