import pytest

from core.corpus.types import Corpus, Passage, Question
from core.errors import TesseraError
from core.labs.benchmarks.cag import CagBenchConfig, bench_cag, questions_about
from core.labs.benchmarks.clock import AnswerTime

QUESTIONS = ("Who built the lighthouse?", "Who lit the blue lamp of the harbour, and on which winter evening was it?")
ASKED_OF_THE_BENCH = {
    "no_cache",
    "rag",
    "plain_recipe",
    "hot",
    "warm",
    "cold",
    "blocks_hot",
    "blocks_warm",
    "blocks_cold",
}
RATIOS = {
    "hot_to_floor",
    "no_cache_to_hot",
    "rag_to_hot",
    "plain_recipe_to_hot",
    "build_to_prefill",
    "touched_load_to_read",
}


class Peer:
    """Answers at once, and keeps what it was asked."""

    def __init__(self, room, folder):
        self.room, self.folder, self.asked = room, folder, []

    def save(self, ids):
        self.asked.append(("save", len(ids)))

    def restore(self):
        self.asked.append(("restore", 0))

    def answer(self, ids, tokens, reuse):
        self.asked.append(("reuse" if reuse else "anew", len(ids)))
        return AnswerTime(7.0, 7.0 + 10 * (tokens - 1))


def measured(lm, passages, **options):
    return list(bench_cag(lm, passages, QUESTIONS, CagBenchConfig(2, 4), **options))


def test_every_setup_has_both_clocks_and_ratios_are_those_of_the_medians(tiny_lm, tiny_corpus):
    steps = measured(tiny_lm, tiny_corpus.passages[:5])
    assert steps[-1].done == steps[-1].total
    found = steps[-1].data
    assert set(found["setups"]) == ASKED_OF_THE_BENCH and set(found["ratios"]) >= RATIOS
    assert {"model", "device", "dtype", "cpu", "n", "context_tokens", "question_tokens", "floor_ttft_ms"} <= set(found)
    assert found["context_tokens"] == len(tiny_lm.prompt.context(tiny_corpus.passages[:5]))
    assert found["answer_tokens"] == 4 and found["n"] == 2
    medians = {name: setup["ttft_ms"]["median"] for name, setup in found["setups"].items()}
    assert found["ratios"]["hot_to_floor"] == medians["hot"] / found["floor_ttft_ms"]
    assert found["ratios"]["rag_to_hot"] == medians["rag"] / medians["hot"]
    for setup in found["setups"].values():
        for clock in (setup["ttft_ms"], setup["total_ms"]):
            assert set(clock) == {"median", "p10", "p90"} and clock["p10"] <= clock["median"] <= clock["p90"]
        assert setup["ttft_ms"]["median"] < setup["total_ms"]["median"]


def test_rounds_are_interleaved_and_the_first_does_not_count(tiny_lm, tiny_corpus):
    steps = measured(tiny_lm, tiny_corpus.passages[:2])
    names = [step.note for step in steps if step.note]
    setups = len(set(names))
    assert len(names) == 3 * setups
    assert names[:setups] == names[setups : 2 * setups]


def test_every_round_asks_the_next_question(tiny_lm, tiny_corpus):
    lengths = sorted(len(tiny_lm.prompt.tail(question)) for question in QUESTIONS)
    assert lengths[0] < lengths[1]
    found = list(bench_cag(tiny_lm, tiny_corpus.passages[:2], QUESTIONS, CagBenchConfig(1, 2)))[-1].data
    assert found["question_tokens"] == lengths[1]  # the first is asked in the round that does not count
    assert measured(tiny_lm, tiny_corpus.passages[:2])[-1].data["question_tokens"] == sum(lengths) // 2


def test_the_peer_reads_the_same_tokens_behind_a_state_without_a_question(tiny_lm, tiny_corpus):
    peers = []

    def opener(room, folder):
        peers.append(Peer(room, folder))
        return peers[0]

    found = measured(tiny_lm, tiny_corpus.passages[:2], peers={"llama_cpp": opener})[-1].data
    assert found["setups"]["llama_cpp_hot"]["ttft_ms"]["median"] == 7.0
    assert found["setups"]["llama_cpp_hot"]["total_ms"]["median"] == 37.0
    assert found["setups"]["llama_cpp_warm"]["ttft_ms"]["median"] > 7.0
    assert found["ratios"]["llama_cpp_hot_to_hot"] == 7.0 / found["setups"]["hot"]["ttft_ms"]["median"]
    context, whole = found["context_tokens"], found["context_tokens"] + len(tiny_lm.prompt.tail(QUESTIONS[0]))
    assert peers[0].room > whole
    assert peers[0].asked[:6] == [
        ("save", context),
        ("restore", 0),
        ("reuse", whole),
        ("restore", 0),
        ("reuse", whole),
        ("anew", whole),
    ]


def test_questions_are_those_that_the_passages_answer():
    passages = [Passage("a", "Velm", "Bells."), Passage("b", "Brann", "Slate."), Passage("c", "", "More.")]
    asked = {
        "train": (Question("3", "third", ("x",), ("a",)),),
        "test": (Question("1", "first", ("x",), ("a", "b")), Question("2", "second", ("x",), ("a", "c"))),
        "dev": (Question("4", "nowhere", ("x",)),),
    }
    corpus = Corpus("made", tuple(passages), asked)
    assert questions_about(corpus, passages[:2], 9) == ["first", "third"]
    assert questions_about(corpus, passages[:2], 1) == ["first"]
    (made_up,) = questions_about(Corpus("bare", tuple(passages), {}), passages[:2], 9)
    assert "Velm" in made_up


def test_an_answer_of_one_token_is_refused():
    with pytest.raises(TesseraError, match="pace"):
        CagBenchConfig(answer_tokens=1)
