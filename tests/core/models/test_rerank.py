import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core.corpus.types import Passage, texts
from core.errors import ModelError
from core.models.encoder import SentenceEncoder
from core.models.rerank import CrossEncoder, LateInteraction, best_first, open_reranker
from core.settings import Settings
from tests.models import tiny_cross_encoder, tiny_sentence_encoder

QUESTION = "Who keeps the lamps of blue glass?"
PASSAGES = [
    Passage("a", "", "The harbour is lit by a tower."),
    Passage("b", "", "Who keeps the lamps of blue glass?"),
    Passage("c", "Lamps", "glass " * 200),
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return SentenceEncoder(str(tiny_sentence_encoder(tmp_path_factory.mktemp("bert"))), Settings(device="cpu"))


def test_token_vectors_pool_to_the_vector_of_the_text(encoder):
    given = [QUESTION, "lamp", "glass " * 200]
    for tokens, vector in zip(encoder.encode_tokens(given), encoder.encode_passages(given), strict=True):
        assert cosine_similarity(tokens.mean(0), torch.tensor(vector), dim=0) == pytest.approx(1, abs=1e-5)
    assert len(encoder.encode_tokens(given)[2]) == encoder.max_tokens


def test_maxsim_is_the_mean_of_each_question_tokens_best_match(encoder):
    found = LateInteraction(encoder).scores(QUESTION, PASSAGES)
    asked = encoder.encode_tokens([QUESTION], query=True)[0]
    for passage, score in zip(PASSAGES, found, strict=True):
        tokens = encoder.encode_tokens(texts([passage]))[0]
        best = [max(float(cosine_similarity(a, b, dim=0)) for b in tokens) for a in asked]
        assert score == pytest.approx(np.mean(best), abs=1e-5)
    assert best_first(found)[0] == 1 and found[1] == pytest.approx(1, abs=1e-5)  # it says the same
    assert LateInteraction(encoder).scores(QUESTION, []) == []


def test_equal_scores_stay_as_they_were_found():
    assert best_first([0.5, 0.7, 0.5, 0.7]) == [1, 3, 0, 2]


def test_a_cross_encoder_reads_question_and_passage_together(tmp_path, encoder):
    folder = tiny_cross_encoder(tmp_path / "cross")
    again = open_reranker(str(folder), encoder, Settings(device="cpu"))
    model, tokenizer = (kind.from_pretrained(folder) for kind in (AutoModelForSequenceClassification, AutoTokenizer))
    pairs = [tokenizer(QUESTION, p.text, return_tensors="pt") for p in PASSAGES if not p.title]
    alone = [float(model(**pair).logits[0, 0].detach()) for pair in pairs]
    assert again.scores(QUESTION, PASSAGES)[:2] == pytest.approx(alone, abs=1e-5)
    assert len(set(np.round(alone, 4))) == 2
    assert len(again.scores(QUESTION, PASSAGES * 9)) == 27


def test_what_is_no_reranker_is_refused(tmp_path, tiny_encoder):
    with pytest.raises(ModelError, match="2 outputs"):
        CrossEncoder(str(tiny_cross_encoder(tmp_path / "two", outputs=2)), Settings(device="cpu"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="cross-encoder"):
        CrossEncoder(str(tmp_path / "empty"), Settings(device="cpu"))
    with pytest.raises(ModelError, match="single tokens"):
        open_reranker("maxsim", tiny_encoder, Settings(device="cpu"))


@pytest.mark.real
def test_late_interaction_prefers_the_passage_that_answers(tmp_path):
    encoder = SentenceEncoder("all-minilm-l6-v2", Settings())
    passages = [
        Passage("a", "", "The mill at Orrin grinds barley and oats for the whole valley."),
        Passage("b", "", "Dana Pell built the mill at Orrin in 1804."),
    ]
    assert best_first(LateInteraction(encoder).scores("Who built the mill at Orrin?", passages)) == [1, 0]
