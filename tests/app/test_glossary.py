from urllib.parse import urlsplit

import pytest

from app.glossary import GLOSSARY, meaning


@pytest.mark.parametrize("term", GLOSSARY.values(), ids=lambda term: term.name)
def test_every_word_has_one_sentence_and_its_source_an_address(term):
    assert term.meaning.endswith(".") and ". " not in term.meaning
    assert bool(term.source) == bool(term.link)
    assert not term.link or urlsplit(term.link).scheme == "https"


def test_an_unknown_word_is_a_bug():
    with pytest.raises(KeyError):
        meaning("no such word")
