"""What every reader of the registry holds: one line there, one file in ``made.FILES``, and all of this is tried."""

from itertools import pairwise

import pytest

from core.corpus.readers.registry import FORMATS, READERS, format_of, read_document
from core.errors import CorpusError
from tests.core.corpus.readers.made import FACT, FILES, RECORDS, STEPS, STRUCTURED, zipped

NAMES = {form.label: f"wells{form.endings[0]}" for form in FORMATS}
BOMB = zipped({"word/document.xml": bytes(400 * 2**20), "mimetype": "application/epub+zip"})


def test_every_format_has_its_file_and_every_ending_its_format():
    assert set(FILES) == set(NAMES)
    assert all(format_of(f"A{ending.upper()}") is form for ending, form in READERS.items())


@pytest.mark.parametrize("label", NAMES)
def test_a_good_file_gives_clean_sections(label):
    document = read_document(NAMES[label], FILES[label])
    assert document.note == ""
    assert any(FACT in section.text for section in document.sections)
    for section in document.sections:
        assert section.text == section.text.strip() != ""
        spans = sorted((*section.keep, *section.rows))
        assert all(0 <= start < end <= len(section.text) for start, end in spans)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize("label", STRUCTURED)
def test_headings_lists_and_tables_survive(label):
    document = read_document(NAMES[label], FILES[label])
    first, second = document.sections
    assert (first.title, second.title) == ("Wells", "Wells / All of them")
    listing = "To draw water:\n" + "\n".join(STEPS)
    assert first.text == f"{FACT}\n\n{listing}"
    assert [first.text[start:end] for start, end in first.keep] == [listing]
    assert second.text.split("\n") == RECORDS
    assert [second.text[start:end] for start, end in second.rows] == RECORDS


@pytest.mark.parametrize("label", [label for label in NAMES if label not in ("TXT", "Markdown", "HTML")])
@pytest.mark.parametrize("damage", ["binary", "half", "bomb"])
def test_a_damaged_file_is_refused_by_name_with_a_remedy(label, damage):
    good = FILES[label]
    content = {"binary": bytes(range(256)) * 8, "half": good[: len(good) // 2], "bomb": BOMB}[damage]
    try:
        document = read_document(NAMES[label], content)
    except CorpusError as refusal:
        assert str(refusal).startswith(NAMES[label]) and refusal.remedy
    else:
        assert damage == "half" and FACT not in "".join(section.text for section in document.sections)


@pytest.mark.parametrize("label", NAMES)
def test_an_empty_file_is_refused(label):
    with pytest.raises(CorpusError, match="is empty"):
        read_document(NAMES[label], b"")
