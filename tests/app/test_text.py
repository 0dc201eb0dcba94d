import pytest

from app.widgets.text import escape


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://tracker/x.png)",
        "[a](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "`code`",
        "$x$",
        ":red[a]",
    ],
)
def test_nothing_in_a_text_acts_as_markdown(text):
    escaped = escape(text)
    for position, character in enumerate(escaped):
        if character in "![](<>`$:":
            assert escaped[position - 1] == "\\"


def test_lines_become_one():
    assert escape("a\n\n# b") == "a \\# b"


def test_plain_text_stays():
    assert escape("등대 2 miles, yes.") == "등대 2 miles, yes."
