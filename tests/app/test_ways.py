import re

import pytest

from app import i18n
from app.views.start.drawings import WORDS, drawing
from core.settings import ROOT

NAMES = ("rag", "cag", "memory")


def test_no_word_is_in_a_drawing_that_the_tables_do_not_know():
    svgs = [(ROOT / "assets" / "ways" / f"{name}.svg").read_text(encoding="utf-8") for name in NAMES]
    assert {text for svg in svgs for text in re.findall(r">([^<]*)</text>", svg)} == set(WORDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_speaks_the_language(name, monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "ko")
    texts = re.findall(r">([^<]*)</text>", drawing(name))
    assert texts
    assert not [text for text in texts if re.search(r"[a-z]", text)]
