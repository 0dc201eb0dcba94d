from dataclasses import replace

import pytest

from app.run_rows import span_names, table
from app.views.compare.break_even import break_evens
from core.cost import Account
from core.methods.base import Answer
from core.methods.comparison import Choices, Run
from core.trace import Span, Trace


def answer(name, total_ms, *spans):
    trace = Trace(tuple(Span(*span) for span in spans), total_ms / 2, total_ms, 10, 20, 3, 2_500_000)
    return Answer(name, "Who?", "Pask", (), trace)


@pytest.fixture
def run():
    run = Run(Choices("sample", "Who?", ("cag", "rag"), True, 3), status="done")
    run.answers["rag"] = answer("rag", 1000.0, ("encode", 0.0, 5.0), ("prefill", 5.0, 800.0))
    run.answers["cag"] = answer("cag", 400.0, ("encode", 0.0, 5.0), ("load cache", 5.0, 90.0))
    return run


RAG = Account("rag", "Standard RAG", 2.0, 1000.0)
CAG = Account("cag", "KV-cache CAG", 62.0, 400.0)


def test_rows_follow_the_order_in_which_the_methods_ran(run):
    assert [row["method"] for row in table(run)] == ["KV-cache CAG", "Standard RAG"]


def test_a_span_that_a_method_does_not_have_is_empty_not_zero(run):
    cag, rag = table(run)
    assert cag["prefill"] is None
    assert cag["load cache"] == 90.0
    assert rag["load cache"] is None
    assert rag["MB read"] == 2.5
    assert set(span_names(run)) == {"encode", "prefill", "load cache"}


def test_a_build_that_saves_pays_off():
    (sentence,) = break_evens([RAG, CAG])
    assert "1 min 00 s more" in sentence
    assert "saved 600 ms" in sentence
    assert "pays off after **100 questions**" in sentence


def test_never_is_an_answer():
    memory = Account("memory", "LLM-as-Memory", 1202.0, 1500.0)
    sentence = next(found for found in break_evens([RAG, CAG, memory]) if "Memory" in found)
    assert "20 min 00 s" in sentence
    assert "500 ms slower" in sentence
    assert "never" in sentence


@pytest.mark.parametrize(
    ("rag_ms", "memory_ms", "said"),
    [
        ((797.0,), (1018.0,), "one measurement"),
        ((561.0,), (527.0,), "one measurement"),
        ((800.0,), (500.0,), "saved 300 ms"),
        ((500.0,), (800.0,), "never"),
        ((700.0, 750.0, 800.0), (600.0, 650.0, 710.0), "3 measurements"),
        ((700.0, 750.0, 800.0), (600.0, 650.0, 690.0), "saved 100 ms"),
    ],
)
def test_clocks_that_do_not_tell_two_methods_apart_say_neither_when_it_pays_nor_never(rag_ms, memory_ms, said):
    rag = replace(RAG, question_ms=sorted(rag_ms)[len(rag_ms) // 2], single_ms=rag_ms)
    memory = Account("memory", "LLM-as-Memory", 1202.0, sorted(memory_ms)[len(memory_ms) // 2], memory_ms)
    (sentence,) = break_evens([rag, memory])
    assert said in sentence
    assert ("pays off" in sentence) == ("measurement" not in sentence)


def test_without_rag_there_is_nothing_to_weigh_against():
    assert list(break_evens([CAG])) == []


def test_what_was_measured_again_is_shown_as_medians(run):
    run.repeats = {name: [answer(name, ms).trace for ms in (100.0, 300.0, 200.0)] for name in run.answers}
    for row in table(run):
        assert (row["n"], row["last token"], row["fastest"], row["slowest"]) == (3, 200.0, 100.0, 300.0)
