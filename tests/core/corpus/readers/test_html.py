import time

import pytest

from core.corpus.readers.html import read_html
from tests.core.corpus.readers.made import page


def read(body):
    return [(section.title, section.text) for section in read_html("a.html", body.encode()).sections]


def test_what_is_no_text_of_the_page_is_left_out():
    head = "<style>p{}</style><script>var x = '<p>no</p>'</script>"
    hidden = '<p hidden>no</p><p style="display: none">no</p><div aria-hidden="true">no</div><noscript>no</noscript>'
    texts = " ".join(text for _, text in read(page(hidden, head)))
    assert "no" not in texts.split() and "Home" not in texts and "Cookies" not in texts and "var" not in texts


def test_a_header_within_an_article_belongs_to_it():
    assert read("<header>Menu</header><article><header>By Ada Storm</header><p>Text.</p></article>") == [
        ("", "By Ada Storm\n\nText.")
    ]


def test_words_of_inline_elements_stay_in_their_line():
    assert read("<p>The <b>well</b> of<br>Brae<sup>2</sup> is <img alt='very' src='http://x/x.png'> deep.</p>tail") == [
        ("", "The well of\nBrae2 is very deep.\n\ntail".replace("\n", " ", 1))
    ]


def test_cells_that_span_stand_in_each_row_and_column():
    rows = (
        "<tr><th>Line</th><th>Ferry</th><th>Fare</th></tr><tr><td rowspan='2'>North</td><td>Ada</td><td>4</td></tr>"
        "<tr><td>Bo</td><td>5</td></tr><tr><td>South</td><td colspan='2'>none</td></tr>"
    )
    assert read(f"<table>{rows}</table>") == [
        (
            "",
            "Line: North; Ferry: Ada; Fare: 4.\nLine: North; Ferry: Bo; Fare: 5.\n"
            "Line: South; Ferry: none; Fare: none.",
        )
    ]


def test_a_list_in_a_cell_keeps_its_items_apart():
    rows = (
        "<tr><th>Alarm<br>tone</th><th>What\nto do</th></tr><tr><td>short</td><td><ol><li>Windows shut</li>"
        "<li>Lamps out</li></ol></td></tr><tr><td>long</td><td><p>Leave.</p><p>Take the\nstairs</p></td></tr>"
    )
    assert read(
        f"<table><thead>{rows[: rows.index('</tr>') + 5]}</thead>{rows[rows.index('</tr>') + 5 :]}</table>"
    ) == [
        (
            "",
            "Alarm tone: short; What to do: 1. Windows shut, 2. Lamps out.\n"
            "Alarm tone: long; What to do: Leave. Take the stairs.",
        )
    ]


def test_verses_stay_lines_and_a_list_goes_on_where_it_says():
    poem = "<p>The bell is cast,<br/>the fire is\n  out,<br/>the ferry waits.</p>"
    assert read(f"{poem}<ol start='3'><li>Three.<li>Four.<li value='8'>Eight.</ol>") == [
        ("", "The bell is cast,\nthe fire is out,\nthe ferry waits.\n\n3. Three.\n4. Four.\n8. Eight.")
    ]


def test_a_definition_stays_with_its_term():
    why = "<div><dt>Why?</dt><dd><p>For air.</p></dd></div>"
    body = f"<dl><dt>Sash</dt><dt>Pane</dt><dd>Slides up.</dd><dd>Is glass</dd>{why}</dl>"
    assert read(body) == [("", "- Sash: Pane: Slides up. Is glass\n- Why? For air.")]
    assert read("<dl><dt>Sash</dt><dd><ul><li>up</li><li>down</li></ul></dd></dl>") == [("", "Sash\n\n- up\n- down")]


def test_two_columns_without_a_header_are_names_and_values():
    rows = "<tr><td>Landlord</td><td>City of Brae</td></tr><tr><td>Tenant</td><td>The choir</td></tr>"
    assert read(f"<table>{rows}</table>") == [("", "Landlord: City of Brae.\nTenant: The choir.")]


def test_a_table_for_the_layout_is_no_table():
    inner = "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>"
    assert read(f"<table><tr><td>Left text.</td><td>{inner}</td></tr></table>") == [("", "Left text.\n\nA: 1; B: 2.")]


def test_footnotes_stand_behind_the_paragraph_that_refers_to_them():
    body = (
        '<p>A near miss<sup><a href="#n1" id="r1">[1]</a></sup> counts.</p><p>So does a hit.</p>'
        '<ol><li id="n1">What could have hurt. <a href="#r1">↑</a></li></ol>'
    )
    assert read(body) == [("", "A near miss[1] counts.\n\n[1] What could have hurt.\n\nSo does a hit.")]


@pytest.mark.parametrize("codec", ["euc-kr", "utf-8"])
def test_the_page_says_its_encoding(codec):
    content = f'<meta charset="{codec}"><p>오래된 도서관</p>'.encode(codec)
    assert read_html("a.html", content).sections[0].text == "오래된 도서관"


@pytest.mark.parametrize(
    "hostile", ["<div>" * 200_000, "<table><tr><td>" * 20_000, "<ul><li>" * 50_000, "<b>" * 100_000]
)
def test_hostile_nesting_takes_no_longer(hostile):
    began = time.process_time()
    read_html("a.html", f"<p>First.</p>{hostile} end".encode())
    assert time.process_time() - began < 10
