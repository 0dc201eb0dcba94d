import pytest
import torch

from core.benchmarks import kv
from core.benchmarks.kv import KvBenchConfig, bench_kv, read_bandwidth, weight_bytes
from core.benchmarks.llama_cpp import LlamaCpp
from core.errors import TesseraError


class Peer:
    """Answers at once, and counts what it was asked."""

    def __init__(self, room):
        self.room, self.reused = room, []

    def prefill_ms(self, ids, reuse):
        self.reused.append((len(ids), reuse))
        return 7.0

    def tokens_per_s(self, ids, tokens):
        return 100.0


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(kv, "read_bandwidth", lambda device: 1e9)


def measured(lm, passages, **options):
    return list(bench_kv(lm, passages, "Who built the lighthouse?", KvBenchConfig(2, 4), **options))


def test_every_arm_is_measured_and_ratios_are_those_of_the_medians(tiny_lm, tiny_corpus):
    steps = measured(tiny_lm, tiny_corpus.passages[:5])
    assert steps[-1].done == steps[-1].total
    found = steps[-1].data
    assert {"floor", "hot", "warm", "no_cache", "rag", "plain_recipe", "build", "read"} <= set(found["arms"])
    assert found["context_tokens"] == len(tiny_lm.prompt.context(tiny_corpus.passages[:5]))
    medians = {name: arm["ttft_ms"]["median"] for name, arm in found["arms"].items()}
    assert found["ratios"]["hot_to_floor"] == medians["hot"] / medians["floor"]
    assert all(
        arm["ttft_ms"]["p10"] <= arm["ttft_ms"]["median"] <= arm["ttft_ms"]["p90"] for arm in found["arms"].values()
    )
    decode = found["decode"]
    assert decode["bytes_per_token"] == weight_bytes(tiny_lm) + found["cache_bytes"]
    assert decode["share_of_limit"] == pytest.approx(
        decode["tokens_per_s"]["ours"]["median"] * decode["bytes_per_token"] / 1e9
    )


def test_rounds_are_interleaved_and_the_first_does_not_count(tiny_lm, tiny_corpus):
    steps = measured(tiny_lm, tiny_corpus.passages[:2])
    names = [step.note for step in steps if step.note]
    arms = len(set(names))
    assert len(names) == 3 * arms
    assert names[:arms] == names[arms : 2 * arms]
    assert steps[-1].data["n"] == 2


def test_the_peer_reads_the_same_tokens_and_another_question_first(tiny_lm, tiny_corpus):
    peers = []
    steps = measured(tiny_lm, tiny_corpus.passages[:2], peer=lambda room: peers.append(Peer(room)) or peers[0])
    found = steps[-1].data
    assert found["arms"]["llama_cpp_hot"]["ttft_ms"]["median"] == 7.0
    assert found["decode"]["tokens_per_s"]["llama_cpp"]["median"] == 100.0
    whole = found["context_tokens"] + found["question_tokens"]
    assert peers[0].room > whole
    assert (whole, False) in peers[0].reused and peers[0].reused[1] == (whole, True)
    assert peers[0].reused[0][1] and peers[0].reused[0][0] != whole


def test_bytes_of_weights(tiny_lm):
    parameters = sum(parameter.nbytes for parameter in tiny_lm.model.parameters())
    assert weight_bytes(tiny_lm) == parameters - tiny_lm.model.get_input_embeddings().weight.nbytes


def test_bandwidth_is_bytes_by_seconds():
    assert 1e7 < read_bandwidth(torch.device("cpu"), floats=1 << 16) < 1e13


def test_without_the_bindings_the_peer_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("core.benchmarks.llama_cpp.find_spec", lambda name: None)
    with pytest.raises(TesseraError, match="not installed"):
        LlamaCpp(tmp_path / "model.gguf", 128, 1)
