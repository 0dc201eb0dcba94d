import pytest

from core.csv_safe import harmless


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_begins_like_a_formula_is_kept_as_text(sign):
    assert harmless(f'{sign}HYPERLINK("http://x")') == f'\'{sign}HYPERLINK("http://x")'


@pytest.mark.parametrize("value", ["a=b", "", "등대", -5, 3.5, None, True])
def test_everything_else_stays_as_it_is(value):
    assert harmless(value) is value
