import unicodedata

import pytest

from core.corpus.text import tokenise


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The Keepers of the BLUE Towers", ["keeper", "blue", "tower"]),
        ("berries, glass and focus", ["berry", "glass", "focus"]),
        ("gas is a bus", ["gas", "bus"]),
        ("1945 A.D.", ["1945", "d"]),
        ("", []),
    ],
)
def test_english(text, tokens):
    assert tokenise(text) == tokens


def test_a_korean_noun_is_found_under_its_particles():
    assert set(tokenise("도서관")) & set(tokenise("도서관에는"))
    assert tokenise("지도가") == ["지도가", "지도", "도가"]
    assert tokenise("지도") == ["지도"]


def test_a_power_is_not_a_number_of_its_digits():
    assert not set(tokenise("10⁶ joules")) & set(tokenise("106"))
    assert tokenise("CO₂") == tokenise("CO2")
    assert tokenise("o\ufb03ce cere\xadmony") == tokenise("office ceremony")


def test_mixed_scripts_part():
    assert tokenise("Sarn의 도서관") == ["sarn", "의", "도서관", "도서", "서관"]


def test_decomposed_hangul_is_the_same_word():
    assert tokenise(unicodedata.normalize("NFD", "도서관")) == tokenise("도서관")
