import pytest

from core.corpus.readers.registry import READERS, read_document
from core.errors import CorpusError


def test_the_ending_decides_in_any_case():
    assert read_document("A.TXT", b"hello").sections[0].text == "hello"
    assert read_document("a.tsv", b"text\ttitle\nx\ty").sections[0].title == "y"


@pytest.mark.parametrize("name", ["a.doc", "README", ".txt"])
def test_other_files_are_refused_with_what_can_be_read(name):
    with pytest.raises(CorpusError) as caught:
        read_document(name, b"x")
    assert all(suffix in str(caught.value) for suffix in READERS)
    assert name in str(caught.value)
