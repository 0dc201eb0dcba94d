"""Guesses are what followed the same tokens before; they never change what is decoded."""

import pytest
import torch

from core.models import session as sessions
from core.models.prompt_lookup import draft


@pytest.mark.parametrize(
    ("seen", "most", "guess"),
    [
        ([], 4, []),
        ([7], 4, []),
        ([1, 2, 3, 4], 4, []),
        ([7, 8, 9, 5, 7], 2, [8, 9]),
        ([7, 8, 9, 5, 7], 4, [8, 9, 5, 7]),
        ([7, 8, 7, 9, 7], 1, [9]),  # of equally long matches the latest
        ([1, 7, 8, 2, 7, 9, 1, 7], 1, [8]),  # a longer match before a later one
        ([1, 2, 3, 8, 9, 2, 3, 9, 1, 2, 3], 1, [8]),
        ([4, 4, 4], 3, [4]),
        ([7, 8, 7], 0, []),
    ],
)
def test_a_guess_is_what_followed_the_longest_match(seen, most, guess):
    assert draft(seen, most) == guess


def told(lm, ids, limit, known=(), **options):
    session = lm.session()
    session.prefill(ids)
    session.ids = [*known, *session.ids]
    return list(session.decode(limit, **options)), session


@pytest.fixture
def one_by_one(tiny_lm, monkeypatch):
    """Answers without guesses."""

    def answer(ids, limit):
        with monkeypatch.context() as patch:
            patch.setattr(sessions, "DRAFTED_TOKENS", 0)
            return told(tiny_lm, ids, limit, stop=False)

    return answer


@pytest.fixture
def passes(monkeypatch):
    """Lengths of what the model ran on."""
    ran = []
    real = sessions.Session._run

    def counted(session, ids, last=0):
        ran.append(len(ids))
        return real(session, ids, last)

    monkeypatch.setattr(sessions.Session, "_run", counted)
    return ran


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 24])
def test_right_and_wrong_guesses_give_the_same_tokens_and_the_same_cache(tiny_lm, one_by_one, passes, limit):
    ids = tiny_lm.prompt.head
    wanted, plain = one_by_one(ids, limit)
    assert len(wanted) == limit
    whole = [0, *wanted, *wanted[:1]]
    for known in (whole, [token + 1 for token in whole], [*whole[:4], 5, 6, 7, *whole[4:]]):
        passes.clear()
        found, session = told(tiny_lm, ids, limit, known, stop=False)
        assert found == wanted
        assert session.length == plain.length == len(ids) + limit - 1
        for ours, theirs in zip(session.cache.layers, plain.cache.layers, strict=True):
            torch.testing.assert_close(ours.keys, theirs.keys, atol=1e-5, rtol=0)
        torch.testing.assert_close(session.logits, plain.logits, atol=1e-4, rtol=0)
        if known is whole and limit == 24:
            assert len(passes) < 12, "right guesses save passes"


def test_bfloat16_gives_the_same_tokens(tiny_lm, tiny_corpus):
    from tests.models import tiny_language_model

    lm = tiny_language_model()
    lm.model.to(torch.bfloat16)
    ids = lm.prompt.context(tiny_corpus.passages[:2])
    wanted, _ = told(lm, ids, 12, known=[0], stop=False)
    again, _ = told(lm, ids, 12, known=[0, *wanted], stop=False)
    assert again == wanted


def test_a_stop_id_ends_the_answer_and_never_enters_the_cache(tiny_lm, one_by_one, monkeypatch):
    ids = tiny_lm.prompt.head
    wanted, _ = one_by_one(ids, 12)
    stop = next(token for token in wanted[3:] if token not in wanted[:3])
    kept = wanted[: wanted.index(stop)]
    monkeypatch.setattr(type(tiny_lm), "stop_ids", property(lambda lm: frozenset([stop])))
    for known in ([], [0, *wanted]):
        found, session = told(tiny_lm, ids, 12, known)
        assert found == kept
        assert session.length == len(ids) + len(kept)


def test_guesses_stay_within_the_models_context():
    from tests.models import tiny_language_model

    lm = tiny_language_model(context=64)
    ids = (lm.prompt.head * 4)[:60]
    found, session = told(lm, ids, 4, known=list(range(20, 30)) * 3, stop=False)
    assert len(found) == 4 and session.length <= 64


def test_transformers_own_pass_takes_guesses_too(tiny_lm, one_by_one):
    ids = tiny_lm.prompt.head
    wanted, _ = one_by_one(ids, 12)
    session = tiny_lm.session()
    session._decoder = None
    session.prefill(ids)
    session.ids = [*wanted, *session.ids]
    assert list(session.decode(12, stop=False)) == wanted
