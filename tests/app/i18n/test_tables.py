import json
import re
import string
from collections import Counter

import pytest

from app import i18n
from app.navigation import PAGES
from core.methods.registry import METHODS
from tests.app.i18n.sources import constants, stages, translated

OTHERS = [code for code in i18n.LANGUAGES if code != "en"]


@pytest.fixture(params=OTHERS)
def code(request):
    return request.param


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_that_is_shown_has_its_words(code):
    lacking = {text: str(path) for text, path in translated().items() if text not in i18n.table(code)}
    assert not lacking


def test_pages_have_their_words(code):
    for page in PAGES.values():
        assert {page.title, page.question} <= set(i18n.table(code))


def test_methods_have_their_words(code):
    specs = METHODS.values()
    assert {spec.label for spec in specs} | {spec.summary for spec in specs} <= set(i18n.table(code))


def test_stages_of_long_work_have_their_words(code):
    assert "Embedding passages" in stages()
    assert not {stage: str(path) for stage, path in stages().items() if stage not in i18n.table(code)}


def test_no_table_keeps_words_that_nobody_says(code):
    assert not set(i18n.table(code)) - constants()


def test_a_text_stands_in_one_table_only(code):
    files = i18n.table_files(code)
    counts = Counter(text for path in files for text in json.loads(path.read_text(encoding="utf-8")))
    assert not [text for text, count in counts.items() if count > 1]


def test_the_places_to_be_filled_are_the_same(code):
    table, spoken = i18n.table(code), translated()
    assert not [text for text in table if text in spoken and places(text) != places(table[text])]


def test_bold_ends_where_markdown_sees_its_end(code):
    """Between a sign and a letter ``**`` stays two stars: "**93%**에서" is to be "**93%에서**"."""
    broken = []
    for text in i18n.table(code).values():
        parts = re.sub(r"\{[^{}]*%\}", "%", text).split("**")
        for before, bold, after in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
            opens = not (re.search(r"\w$", before) and re.match(r"[^\w\s{]", bold))
            closes = not (re.search(r"[^\w\s}]$", bold) and re.match(r"\w", after))
            if not (opens and closes):
                broken.append(text)
    assert not broken
