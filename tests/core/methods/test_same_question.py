import json
from pathlib import Path

import pytest

from core.methods.answer_cache import DISTANCE
from core.methods.same_question import meaning_words, same_question
from core.models.registry import Models
from core.settings import Settings

PAIRS = [json.loads(line) for line in Path(__file__).with_name("question_pairs.jsonl").read_text("utf-8").splitlines()]
"""Pairs about the sample: paraphrases in slightly and in quite other words, and opposites in nearly the same words."""

OPPOSITES = [
    ("Is the library of Solm open on Monday?", "Is the library of Solm closed on Monday?"),
    ("What may be stored in the cellar of the mill?", "What may not be stored in the cellar of the mill?"),
    ("Who is the mother of Ida Storm?", "Who is the father of Ida Storm?"),
    ("Who beat Velk in the final?", "Who did Velk beat in the final?"),
    ("What happened before the fire in the mill?", "What happened after the fire in the mill?"),
    ("Who was the first mayor of Tarn?", "Who was the last mayor of Tarn?"),
    ("When is the library of Solm closed?", "When is the library of Mirn closed?"),
    ("Is smoking allowed on the pier?", "Is smoking not allowed on the pier?"),
    ("Is smoking allowed on the pier?", "Isn't smoking allowed on the pier?"),
    ("Which ferry goes from Tarn to Solm?", "Which ferry goes from Solm to Tarn?"),
    ("How many books were lent in 1911?", "How many books were lent in 1912?"),
    ("Who is the mayor of Tarn?", "Who was the mayor of Tarn?"),
    ("Can boats pass the lock in winter?", "Can't boats pass the lock in winter?"),
    ("What is the limit of 10⁶ joules for?", "What is the limit of 106 joules for?"),
    ("How much is a berth with a boat?", "How much is a berth without a boat?"),
    ("Who wrote to Ida Storm?", "Who did Ida Storm write to?"),
    ("Which doors are locked at night?", "Which doors are unlocked at night?"),
    ("What is more than 5.5 metres deep?", "What is more than 55 metres deep?"),
    ("솔름 도서관은 월요일에 여는가?", "솔름 도서관은 화요일에 여는가?"),
    ("솔름 도서관은 언제 여는가?", "솔름 도서관은 언제 닫는가?"),
    ("흡연이 허용되는가?", "흡연이 금지되는가?"),
    ("누가 다리를 지었는가?", "누가 다리를 부쉈는가?"),
    ("한솔이 보라를 이겼는가?", "한솔을 보라가 이겼는가?"),
]
PARAPHRASES = [
    ("Who built the lighthouse?", "who built the lighthouse"),
    ("Who built the lighthouse?", "Can you tell me who built the lighthouse?"),
    ("Who built the lighthouse?", "Please tell me, who built the lighthouse?"),
    ("What's the fee for a night berth?", "What is the fee for the night berth?"),
    ("In which year did the bridge open?", "What year did the bridge open?"),
    ("Which ferry goes to Solm?", "What ferry goes to Solm?"),
    ("Why can't boats pass?", "Why can not boats pass?"),
    ("누가 다리를 지었는가?", "누가 다리를 지었나요?"),
    ("누가 다리를 지었는가?", "누가 다리를 지었습니까?"),
]


@pytest.mark.parametrize(("first", "second"), OPPOSITES)
def test_opposites_are_two_questions(first, second):
    assert not same_question(first, second)


@pytest.mark.parametrize(("first", "second"), PARAPHRASES)
def test_the_same_words_ask_the_same(first, second):
    assert same_question(first, second), (meaning_words(first), meaning_words(second))


def test_decomposed_hangul_is_the_same_question():
    import unicodedata

    text = "누가 다리를 지었는가?"
    assert same_question(text, unicodedata.normalize("NFD", text))


def rates(taken):
    """Share of the paraphrases and of the opposites that are taken for the same question."""
    verdicts = {same: [taken(pair["a"], pair["b"]) for pair in PAIRS if pair["same"] is same] for same in (True, False)}
    return {same: sum(found) / len(found) for same, found in verdicts.items()}


def test_most_paraphrases_are_recognised_and_no_opposite_is():
    assert sum(pair["same"] for pair in PAIRS) >= 40
    found = rates(same_question)
    assert found[False] == 0
    assert found[True] == pytest.approx(33 / 47)


@pytest.mark.real
def test_the_hit_rate_of_the_cache_with_its_encoder():
    encoder = Models(Settings.from_environment()).encoder()

    def near(first, second):
        return 1 - float(encoder.encode_query(first) @ encoder.encode_query(second)) <= DISTANCE

    by_distance = rates(near)
    both = rates(lambda first, second: near(first, second) and same_question(first, second))
    assert both[False] == 0 < by_distance[False], "the distance alone takes opposites for the same"
    assert both[True] > 0.6
