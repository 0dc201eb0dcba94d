"""Self-study asks about every sentence, and examples are drawn as the settings say."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from itertools import groupby

import pytest

from core.corpus.sentences import whole_sentences
from core.corpus.types import Corpus, Passage, Question
from core.errors import TesseraError
from core.memory.config import MemoryConfig
from core.memory.counterfactuals import Counterfactuals
from core.memory.examples import BLOCK, Examples, given_questions
from core.memory.projector import token_idf
from core.memory.prompt import NOT_IN_MEMORY, RECITE, ZPrompt
from core.memory.self_study import evidence_for, self_study_question
from core.models.language_model import LanguageModel


@pytest.fixture
def prompt(tiny_lm: LanguageModel) -> ZPrompt:
    return ZPrompt(tiny_lm.tokenizer, min(tiny_lm.stop_ids))


def near(corpus: Corpus) -> list[list[int]]:
    count = len(corpus.passages)
    return [[(row + 1) % count] for row in range(count)]


def test_sentences_are_whole_and_nothing_is_lost() -> None:
    text = "The tower is 2.5 m high. It was built in YL 34. Why? Nobody knows the reason!"
    found = whole_sentences(text)
    assert found == ["The tower is 2.5 m high.", "It was built in YL 34. Why?", "Nobody knows the reason!"]
    assert (
        whole_sentences("도서관에는 지도가 많다. 서울의 오래된 도서관은 강가에 있다.")[0] == "도서관에는 지도가 많다."
    )


def test_wordings_differ_and_never_are_the_sentence() -> None:
    sentence = "The houses of Brannoch are built of blue slate from the Carrick Quarry."
    rng = random.Random(0)
    wordings = {self_study_question(sentence, "Brannoch", rng) for _ in range(100)}
    assert len(wordings) > 80
    assert sentence not in wordings
    assert all(wording.strip() for wording in wordings)


def test_very_short_sentences_can_be_asked_about() -> None:
    rng = random.Random(0)
    assert all(self_study_question("Yes.", "", rng).strip() for _ in range(50))


def test_evidence_is_the_given_sentence_or_the_first_with_the_answer() -> None:
    passage = Passage("p", "", "Oren came first. Oren Pask built the tower. Pask left the town.")
    given = Question("q", "Who?", ("Pask",), ("p",), ("Pask left the town.",))
    assert evidence_for(given, passage) == "Pask left the town."
    assert evidence_for(replace(given, evidence=()), passage) == "Oren Pask built the tower."
    assert evidence_for(replace(given, evidence=(), answers=("nobody",)), passage) is None


def test_shares_are_kept(prompt: ZPrompt, tiny_corpus: Corpus) -> None:
    config = MemoryConfig(recite=0.1, wrong=0.2, general=0.2, counterfactual=0.1, batch=16)
    examples = Examples(tiny_corpus, tiny_corpus, prompt, config, near(tiny_corpus))
    kinds = Counter(e.kind for step in range(10 * BLOCK) for e in examples.batch(step))
    total = kinds.total()
    assert total == 10 * BLOCK * 16
    assert kinds["recite"] / total == pytest.approx(0.1, abs=0.03)
    assert kinds["wrong"] / total == pytest.approx(0.2, abs=0.03)
    assert kinds["general"] / total == pytest.approx(0.2, abs=0.03)
    assert kinds["counterfactual"] / total == pytest.approx(0.1, abs=0.03)


def test_every_batch_holds_some_refusals(prompt: ZPrompt, tiny_corpus: Corpus) -> None:
    examples = Examples(tiny_corpus, None, prompt, MemoryConfig(wrong=0.25), near(tiny_corpus))
    for step in range(BLOCK):
        share = sum(e.kind == "wrong" for e in examples.batch(step)) / len(examples.batch(step))
        assert 0.05 < share < 0.5


def test_targets_fit_their_kind(prompt: ZPrompt, tiny_corpus: Corpus) -> None:
    config = MemoryConfig(
        recite=0.2, wrong=0.3, counterfactual=0.0, study=0.0, passage_tokens=1000, evidence_tokens=1000
    )
    examples = Examples(tiny_corpus, None, prompt, config, near(tiny_corpus))
    asked = {
        tuple(prompt.tail(question)): (row, sentence)
        for row, question, sentence in given_questions(tiny_corpus, "train")
    }
    for example in (e for step in range(BLOCK) for e in examples.batch(step)):
        if example.kind == "recite":
            assert example.tail == tuple(prompt.tail(RECITE))
            assert example.target == tuple(prompt.target(tiny_corpus.passages[example.row].text, 1000))
            continue
        row, sentence = asked[example.tail]
        if example.kind == "wrong":
            assert 0 <= example.row != row
            assert example.target == tuple(prompt.target(NOT_IN_MEMORY, 1000))
        else:
            assert (example.row, example.target) == (row, tuple(prompt.target(sentence, 1000)))


def test_a_counterfactual_keeps_the_title_and_changes_the_facts(tiny_corpus: Corpus) -> None:
    passage = Passage(
        "p", "Velm", "Velm was built by Oren Pask in 1,204. About 140 sailors and nine pilots live in Velm."
    )
    counterfactuals = Counterfactuals(tiny_corpus.passages)
    other, rewrite = counterfactuals.make(passage, random.Random(1))
    assert (other.id, other.title) == (passage.id, passage.title)
    assert all(fact not in other.text for fact in ("Oren Pask", "1,204", "140"))
    assert other.text.count("Velm") == 2
    assert rewrite(passage.text) == other.text
    number = re.search(r"About (\d+)", other.text)
    assert number
    assert rewrite("Do 140 people know him?").split()[1] == number[1]
    assert len({counterfactuals.make(passage, random.Random(seed))[0].text for seed in range(10)}) == 10


def test_counterfactuals_are_read_from_their_own_text(prompt: ZPrompt, tiny_corpus: Corpus) -> None:
    config = MemoryConfig(counterfactual=0.9, wrong=0.0, recite=0.0, study=0.0, evidence_tokens=1000)
    examples = Examples(tiny_corpus, None, prompt, config, near(tiny_corpus))
    counterfactuals = [e for step in range(BLOCK) for e in examples.batch(step) if e.kind == "counterfactual"]
    assert counterfactuals
    for example in counterfactuals:
        assert example.row == -1
        said = prompt.decode(example.target[:-1])
        assert said in example.document


def test_dev_and_test_questions_are_never_drawn(prompt: ZPrompt, tiny_corpus: Corpus) -> None:
    examples = Examples(tiny_corpus, None, prompt, MemoryConfig(study=0.0, wrong=0.3), near(tiny_corpus))
    tails = {e.tail for step in range(3 * BLOCK) for e in examples.batch(step)}
    kept_away = {tuple(prompt.tail(q.text)) for split in ("dev", "test") for q in tiny_corpus.questions[split]}
    assert not tails & kept_away


def test_a_step_always_draws_the_same(prompt: ZPrompt, tiny_corpus: Corpus) -> None:
    first = Examples(tiny_corpus, None, prompt, MemoryConfig(), near(tiny_corpus))
    second = Examples(tiny_corpus, None, prompt, MemoryConfig(), near(tiny_corpus))
    later = second.batch(BLOCK + 3)
    assert second.batch(2) == first.batch(2)
    assert first.batch(BLOCK + 3) == later
    other = Examples(tiny_corpus, None, prompt, MemoryConfig(seed=1), near(tiny_corpus))
    assert other.batch(2) != first.batch(2)


def test_a_general_share_needs_a_pool(prompt: ZPrompt, tiny_corpus: Corpus) -> None:
    with pytest.raises(TesseraError, match="no pool"):
        Examples(tiny_corpus, None, prompt, MemoryConfig(general=0.2), near(tiny_corpus))


def test_siblings_ask_one_document_of_the_pool_and_some_for_what_it_does_not_hold(
    prompt: ZPrompt, tiny_corpus: Corpus
) -> None:
    passages = tiny_corpus.passages
    first = [whole_sentences(passage.text)[0] for passage in passages]
    asked = tuple(
        Question(f"{row}-{way}", f"{way} {passage.title}", (first[row],), (passage.id,), (first[row],))
        for row, passage in enumerate(passages)
        for way in ("Who", "What", "Where")
    )
    pool = replace(tiny_corpus, questions={"train": asked})
    config = MemoryConfig(general=0.7, siblings=3, wrong=0.25, recite=0.0, batch=4, evidence_tokens=1000)
    examples = Examples(tiny_corpus, pool, prompt, config, near(tiny_corpus))
    groups = [
        list(group)
        for step in range(BLOCK)
        for _, group in groupby(examples.batch(step), key=lambda e: (e.row, e.document))
    ]
    together = [group for group in groups if len(group) == 3]
    assert len(together) > BLOCK
    refused = 0
    for group in together:
        assert all(e.general and e.row == -1 for e in group)
        assert len({e.tail for e in group}) == 3
        for example in group:
            if example.kind == "wrong":
                refused += 1
                assert example.target == tuple(prompt.target(NOT_IN_MEMORY, 1000))
            else:
                assert prompt.decode(example.target[:-1]) in example.document
    assert 0.1 < refused / (3 * len(together)) < 0.4


def test_telling_tokens_are_the_rare_ones_once_and_every_digit(prompt: ZPrompt) -> None:
    documents = [f"The hall of {name} has 100 lamps." for name in ("Velm", "Sarn", "Tolle", "Quill", "Dorr", "Pask")]
    idf = token_idf([prompt.encode(text) for text in documents], 400)
    kept = prompt.content("The hall of Velm has 100 lamps. Velm has 11.", idf)
    text = prompt.decode(kept)
    assert [c for c in text if c.isdigit()] == list("10011")
    assert text.count("V") == 1
    assert "hall" not in text
    assert prompt.content("The hall of", idf) == prompt.encode("The hall of")


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(TesseraError, match="add up to"):
        MemoryConfig(recite=0.5, wrong=0.3, general=0.3)
    with pytest.raises(TesseraError, match="read is 'magic'"):
        MemoryConfig(read="magic")
    with pytest.raises(TesseraError, match="Unknown memory setting 'zdim'"):
        MemoryConfig.from_json({"zdim": 4})
    assert MemoryConfig.from_json(MemoryConfig(m=4).to_json()) == MemoryConfig(m=4)
