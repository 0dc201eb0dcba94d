import pytest

from app.views.shared.text import escape, escape_but_code, unbroken


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


def test_code_in_a_remedy_is_shown_as_code():
    assert escape_but_code("Run `python -m app train` *now*") == "Run `python -m app train` \\*now\\*"


@pytest.mark.parametrize("text", ["`a` ![x](http://t/x.png)", "odd ` [a](b)", "``[a](b)``"])
def test_code_lets_nothing_else_through(text):
    outside = "".join(escape_but_code(text).split("`")[::2])
    assert "](" not in outside.replace("\\]\\(", "")


def test_lines_become_one():
    assert escape("a\n\n# b") == "a \\# b"


def test_plain_text_stays():
    assert escape("등대 2 miles, yes.") == "등대 2 miles, yes."


def test_a_number_stays_on_the_line_of_what_it_counts():
    assert (
        unbroken("CPU, 1 thread, n = 5. Up to 0.7 cores of two")
        == "CPU, 1\xa0thread, n\xa0=\xa05. Up to 0.7\xa0cores of two"
    )
