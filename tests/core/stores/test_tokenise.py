import unicodedata

import pytest

from core.stores.tokenise import tokenise


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


def test_mixed_scripts_part():
    assert tokenise("Sarn의 도서관") == ["sarn", "의", "도서관", "도서", "서관"]


def test_decomposed_hangul_is_the_same_word():
    assert tokenise(unicodedata.normalize("NFD", "도서관")) == tokenise("도서관")
