"""Documents are found by keys and by the words that z spell, which are read off z alone."""

from __future__ import annotations

from dataclasses import replace

import bm25s
import pytest
import torch

from core.corpus.text import tokenise
from core.memory.document_keys import DocumentKeys
from core.memory.model import Memory
from core.memory.routing_index import RoutingIndex, Terms
from core.memory.z_codec import NO_WORD, ZCodec
from core.models.language_model import LanguageModel

TEXTS = (
    "The lighthouse of Velm is a tower of glass. Oren Pask built the lighthouse.",
    "The bell of Velm rings at noon. Sailors cast the bell near the lighthouse of glass.",
    "The library of Sarn keeps old books of reed paper.",
)


def texts_index(texts: tuple[str, ...] = TEXTS) -> RoutingIndex:
    return RoutingIndex(no_keys(len(texts)), texts)


def no_keys(documents: int) -> DocumentKeys:
    return DocumentKeys.of_vectors(torch.zeros(1, 3), torch.zeros(documents, 2, dtype=torch.long))


@pytest.mark.parametrize("question", ["Who built the lighthouse of Velm?", "Which library keeps paper?", "bells"])
def test_words_are_scored_as_bm25_scores_them(question):
    library = bm25s.BM25()
    library.index([tokenise(text, all_words=True) for text in TEXTS], show_progress=False)
    words = [word for word in tokenise(question, all_words=True) if word in library.vocab_dict]
    ours = texts_index().terms.match(question)
    theirs = torch.tensor(library.get_scores(words))
    assert theirs.max() > 0
    assert torch.allclose(ours / ours.max(), theirs / theirs.max(), atol=1e-5)


def test_the_match_is_a_share_of_what_the_question_could_reach():
    terms = texts_index().terms
    assert terms.match("zebra").tolist() == terms.match("").tolist() == [0.0, 0.0, 0.0]
    known, half = (terms.match(question)[2] for question in ("library of Sarn", "library of Zarn"))
    assert 0 < half < known < 1


def test_the_words_of_a_title_count_twice():
    terms = texts_index(("Bell\nIt hangs by the glass.", "Glass\nIt mirrors the bell.", "The bell is of glass.")).terms
    bell, glass = terms.match("bell"), terms.match("glass")
    assert bell[0] > bell[1] and glass[1] > glass[0]
    assert bell[2] == glass[2]  # one line is no title


def test_a_row_that_is_put_anew_is_found_by_its_new_words_and_a_picked_copy_stays():
    index = texts_index()
    copy = index.picked([2, 0])
    index.put(0, torch.ones(2, 3), "A harbour.")
    query = torch.ones(1, 3)
    assert index.terms.match("harbour").argmax() == 0 and index.keys.best(query).tolist() == [[3, 0, 0]]
    assert not copy.terms.match("harbour").any() and not copy.keys.best(query).any()
    assert copy.terms.match("lighthouse").argmax() == 1


def test_an_index_of_spelled_words_says_so():
    assert texts_index().spells and texts_index(("", "reed")).spells and not texts_index(("", "", "")).spells


def test_documents_without_words_match_no_question():
    assert RoutingIndex(no_keys(2)).terms.match("lighthouse").tolist() == [0.0, 0.0]
    assert Terms([]).match("lighthouse").tolist() == []


def test_a_memory_reads_its_words_off_z_and_off_nothing_else(fact_memory: Memory, tiny_lm: LanguageModel):
    table = tiny_lm.model.get_input_embeddings().weight.detach()
    config = replace(fact_memory.card.config, m=16, z_dim=4, vocabulary=True, z_format="float16")
    codec = ZCodec(table, config)
    said = ["blue lamp", "red kite"]
    z = torch.stack([codec.first(fact_memory.prompt.encode(text)) for text in said])
    coordinates, words = codec.read_with_words(z)
    assert coordinates.equal(codec.read(z))
    for row, text in enumerate(said):
        ids = fact_memory.prompt.encode(text)
        assert words[row, : len(ids)].tolist() == ids and words[row, len(ids) :].eq(NO_WORD).all()


def test_wide_vectors_name_no_words(fact_memory: Memory):
    _, words = fact_memory.codec.read_with_words(fact_memory.pool.z)
    assert words.eq(NO_WORD).all()
    assert not fact_memory.index.spells and not fact_memory.index.terms.match("anything at all").any()
    by_keys = fact_memory.router.similarity(fact_memory._states(["Who?"]), fact_memory.index.keys)
    assert fact_memory.similarities(["Who?"]).equal(by_keys)  # words that no z spells take nothing from a match
