"""What a z speaks of can be read off it, and evidence keeps to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.corpus.types import Corpus, texts
from core.memory.model import Memory
from core.memory.projector import Lexicon, Projector, embedding_basis, first_z, token_idf
from core.memory.prompt import COMMON, NOT_IN_MEMORY, ZPrompt
from core.memory.z_reader import ZReader, batch_evidence, evidence_bias
from core.models.language_model import LanguageModel
from core.trace import Tracer

HARD = 1e4


@pytest.fixture
def strict(fact_memory: Memory) -> Memory:
    """A memory that cannot say what its z does not speak of."""
    fact_memory.card = replace(fact_memory.card, config=replace(fact_memory.card.config, lexicon=HARD))
    return fact_memory


def test_the_distinctive_tokens_can_be_read_off_a_first_z(tiny_lm: LanguageModel, tiny_corpus: Corpus) -> None:
    prompt, table = ZPrompt(tiny_lm.tokenizer, min(tiny_lm.stop_ids)), tiny_lm.model.get_input_embeddings().weight
    documents = texts(tiny_corpus.passages)
    idf, basis = token_idf([prompt.encode(text) for text in documents], len(table)), embedding_basis(table, 64)
    lexicon, projector = Lexicon(table, idf, []), Projector.from_basis(basis)
    by_head = Lexicon(table, idf, [], tiny_lm.against_vocabulary)
    for text in documents:
        distinctive = prompt.content(text, idf)
        z = first_z(distinctive, table, basis, len(distinctive))
        with torch.inference_mode():
            assert set(distinctive) <= set(lexicon.ids(projector(z)).tolist())
            assert by_head.ids(projector(z)).equal(lexicon.ids(projector(z)))


def test_other_tokens_pay_and_common_ones_do_not(tiny_lm: LanguageModel) -> None:
    table = tiny_lm.model.get_input_embeddings().weight
    idf = torch.full((len(table),), COMMON + 1)
    idf[7] = COMMON
    bias = Lexicon(table, idf, [9]).bias(torch.tensor([3, 5]), 2.5)
    free = (bias == 0).nonzero().flatten().tolist()
    assert free == [3, 5, 7, 9]
    assert bias.unique().tolist() == [-2.5, 0.0]


def test_evidence_keeps_to_what_its_z_speaks_of(strict: Memory) -> None:
    for passage_id in strict.pool.ids:
        bias = evidence_bias(strict, [passage_id])
        assert bias is not None
        (evidence,) = batch_evidence(strict, ["What?"], [passage_id])
        assert evidence
        reader = ZReader(strict)
        session = reader.open("What?", [passage_id], Tracer())
        streamed = list(session.decode(strict.card.config.evidence_tokens, bias=reader.bias([passage_id])))
        assert all(bias[token] == 0 for token in streamed)
        assert strict.prompt.decode(streamed) == evidence


def test_a_refusal_may_always_be_said(strict: Memory) -> None:
    bias = evidence_bias(strict, [strict.pool.ids[0]])
    assert bias is not None and (bias[strict.prompt.encode(NOT_IN_MEMORY)] == 0).all()


def test_several_documents_speak_together(strict: Memory) -> None:
    first, second = strict.pool.ids[:2]
    one, two, both = (
        evidence_bias(strict, [first]),
        evidence_bias(strict, [second]),
        evidence_bias(strict, [first, second]),
    )
    assert one is not None and two is not None and both is not None
    assert torch.equal(both, torch.maximum(one, two))


def test_what_is_read_off_follows_z(strict: Memory) -> None:
    first, second = strict.pool.ids[:2]
    before, other = evidence_bias(strict, [first]), evidence_bias(strict, [second])
    strict.set_z(first, strict.pool.z[strict.pool.row(second)])
    after = evidence_bias(strict, [first])
    assert before is not None and after is not None and other is not None
    assert torch.equal(after, other) and not torch.equal(after, before)


def test_without_a_penalty_all_may_be_said(fact_memory: Memory) -> None:
    fact_memory.card = replace(fact_memory.card, config=replace(fact_memory.card.config, lexicon=0.0))
    assert evidence_bias(fact_memory, [fact_memory.pool.ids[0]]) is None
