import random
import unicodedata

import pytest

from core.metrics import coverage, exact_match, f1, longest_common_subsequence, normalise, rouge_l


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Eiffel Tower!", "eiffel tower"),
        ("An apple, a day", "apple day"),
        ("Theatre and another", "theatre and another"),  # articles go as words, not as beginnings of words
        ("U.S. 1,000", "us 1000"),
        ("도서관", "도서관"),
        ("the", ""),
    ],
)
def test_normalise_is_that_of_squad(text, expected):
    assert normalise(text) == expected


def test_exact_match_takes_any_gold():
    assert exact_match("The Oren Pask.", ["Mira Tolle", "oren pask"]) == 1
    assert exact_match("Oren", ["oren pask"]) == 0
    assert exact_match("", []) == 0


def test_f1_counts_common_words_and_takes_the_best_gold():
    # 2 of 3 predicted words are right, 2 of 2 gold words are found: P = 2/3, R = 1.
    assert f1("blue glass tower", ["blue tower"]) == pytest.approx(0.8)
    assert f1("blue glass tower", ["oak", "tower of blue glass", "blue tower"]) == pytest.approx(6 / 7)
    assert f1("nothing", ["blue tower"]) == 0
    assert f1("anything", []) == 0


def test_f1_does_not_reward_repetition():
    assert f1("blue blue blue", ["blue tower"]) == pytest.approx(0.4)


def test_longest_common_subsequence_by_hand():
    assert longest_common_subsequence("ABCBDAB", "BDCABA") == 4  # Cormen et al., figure 15.8
    assert longest_common_subsequence("abc", "") == 0


def test_longest_common_subsequence_equals_the_classical_table():
    def table(left, right):
        row = [0] * (len(right) + 1)
        for word in left:
            diagonal = 0
            for column, other in enumerate(right, start=1):
                above = row[column]
                row[column] = diagonal + 1 if word == other else max(above, row[column - 1])
                diagonal = above
        return row[-1]

    rng = random.Random(0)
    for _ in range(200):
        left, right = (["abcd"[rng.randrange(4)] for _ in range(rng.randrange(90))] for _ in range(2))
        assert longest_common_subsequence(left, right) == table(left, right)


def test_rouge_l_follows_the_order_of_words():
    # Lin (2004), section 3.1: "police kill gunman" keeps two words in order against "police killed gunman".
    assert rouge_l("police kill gunman", ["police killed gunman"]) == pytest.approx(2 / 3)
    assert rouge_l("gunman kill police", ["police killed gunman"]) == pytest.approx(1 / 3)
    assert f1("gunman kill police", ["police killed gunman"]) == pytest.approx(2 / 3)
    assert rouge_l("same words", ["other", "same words"]) == 1
    assert rouge_l("", ["other"]) == 0


def test_coverage_looks_for_whole_words():
    assert coverage("It was built in 1842 by Oren Pask.", ["the Oren Pask"]) == 1
    assert coverage("It was built in 1842.", ["184", "2"]) == 0
    assert coverage("anything", ["the"]) == 0
    assert coverage("anything", []) == 0


def test_korean_is_scored_as_korquad_does():
    assert exact_match("《토지》", ["토지"]) == 1
    assert exact_match("1180도에서", ["1180도"]) == 0
    assert f1("1180도에서", ["1180도"]) == pytest.approx(2 * 5 / (7 + 5))
    assert f1("한솔이 지었다", ["한솔"]) == pytest.approx(2 * 2 / (6 + 2))
    assert f1("보라", ["한솔"]) == 0
    assert coverage("그 다리는 한솔이 지었다", ["한솔"]) == 1
    assert coverage("그 다리는 보라가 부쉈다", ["한솔"]) == 0
    assert exact_match(unicodedata.normalize("NFD", "한솔"), ["한솔"]) == 1


def test_english_beside_korean_is_scored_as_before():
    assert f1("the drum lens", ["drum"]) == pytest.approx(2 / 3)
    assert coverage("a drumlin", ["drum"]) == 0


def test_answers_are_compared_in_the_one_normal_form():
    assert exact_match("the \ufb01fth \ufb02oor", ["fifth floor"]) == 1
    assert exact_match("106", ["10⁶"]) == 0
