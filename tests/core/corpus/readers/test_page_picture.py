"""What is printed where: kept while reading, never searched for."""

import io

import numpy as np
import pytest
from PIL import Image

from core.corpus.importing import Importer
from core.corpus.readers.page_picture import page_picture
from core.corpus.readers.pdf import read_pdf
from core.corpus.types import Box, boxes_within
from core.errors import CorpusError
from tests.core.corpus.readers.made import FILES
from tests.core.corpus.readers.test_pdf import content, writer

TWICE = "The bell rings at noon."


@pytest.fixture(scope="module")
def pdf():
    return content(writer([TWICE, "Nobody hears it."], ["Rain falls on the harbour.", TWICE]))


def marked(picture):
    """Rows and columns of the coloured dots of a picture, as shares of its height and width."""
    dots = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    rows, columns = np.nonzero(dots[..., 0] - dots[..., 2] > 60)
    return rows / dots.shape[0], columns / dots.shape[1]


def test_of_a_sentence_that_occurs_twice_the_one_that_was_read_is_marked(pdf, count):
    importer = Importer(count)
    importer.add("bells.pdf", pdf)
    (passage,) = importer.report().passages
    for at, page, baseline in ((passage.text.find(TWICE), 1, 380), (passage.text.rfind(TWICE), 2, 360)):
        (box,) = boxes_within(passage.boxes, at, at + len(TWICE))
        assert (box.start, box.end, box.page, box.left) == (0, len(TWICE), page, pytest.approx(20, abs=2))
        assert box.bottom < baseline < box.top < baseline + 12
        rows, columns = marked(page_picture(pdf, [box]))
        assert 1 - box.top / 400 - 0.01 < rows.min() < rows.max() < 1 - box.bottom / 400 + 0.01
        assert columns.max() == pytest.approx(box.right / 400, abs=0.01)


def test_boxes_lie_in_the_order_of_the_text_and_hold_what_is_printed_there():
    for section in read_pdf("wells.pdf", FILES["PDF"]).sections:
        assert section.boxes
        assert all(before.end <= after.start for before, after in zip(section.boxes, section.boxes[1:], strict=False))
        covered = " ".join(section.text[box.start : box.end] for box in section.boxes)
        assert covered.split() and set(covered.split()) <= set(section.text.split())


def test_a_word_that_is_mended_over_pages_is_marked_on_both():
    (section,) = read_pdf("x.pdf", content(writer(["The lamp is a light-"], ["house lamp."]))).sections
    assert section.text == "The lamp is a lighthouse lamp."
    first, second = boxes_within(section.boxes, section.text.find("lighthouse"), section.text.find(" lamp."))
    assert (first.page, second.page) == (1, 2) and first.left > 60 and second.left == pytest.approx(20, abs=2)


def test_a_part_of_a_line_is_a_part_of_its_box():
    assert Box(10, 30, 1, 100, 5, 300, 15).within(20, 40) == Box(0, 10, 1, 200, 5, 300, 15)


def test_what_cannot_be_drawn_is_refused_with_a_remedy(pdf):
    with pytest.raises(CorpusError, match="Page 9"):
        page_picture(pdf, [Box(0, 1, 9, 0, 0, 10, 10)])
