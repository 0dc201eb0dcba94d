import time

import pytest

from core.corpus.readers.markdown import read_markdown
from core.corpus.readers.plain_text import read_text
from core.errors import CorpusError

GUIDE = """---
author: someone
---
Before any heading.

# 안내서

Intro with **bold**, `code`, a [link](http://x.example) and ![a picture](p.png).
Second line. <b>raw</b> &amp; done.

Setext heading
--------------

- one
- two

## Install <!-- hidden -->

```python
# no heading
x = 1
```

### Linux

| a | b |
|---|---|
| 1 | 2 |

## Empty

## Last

> quoted
"""


def test_text_is_one_section():
    sections = read_text("a.txt", "\ufeff하나.\r\n\r\n둘.\x07\n".encode()).sections
    assert [(section.title, section.text) for section in sections] == [("", "하나.\n\n둘.")]


def test_blank_text_has_no_section():
    assert read_text("a.txt", b" \n\t\n").sections == ()


def test_binary_is_refused():
    with pytest.raises(CorpusError, match=r"a\.txt is not UTF-8: byte 0 \(0x89\)"):
        read_text("a.txt", b"\x89PNG\r\n\x1a\n\0\0")


def test_headings_become_titles():
    sections = read_markdown("a.md", GUIDE.encode()).sections
    assert [section.title for section in sections] == [
        "",
        "안내서",
        "안내서 / Setext heading",
        "안내서 / Install",
        "안내서 / Install / Linux",
        "안내서 / Last",
    ]


def test_markup_goes_and_words_stay():
    texts = [section.text for section in read_markdown("a.md", GUIDE.encode()).sections]
    assert texts[0] == "Before any heading."
    assert texts[1] == "Intro with bold, code, a link and a picture. Second line. raw & done."
    assert texts[2] == "- one\n- two"
    assert texts[3] == "# no heading\nx = 1"
    assert texts[4] == "a: 1; b: 2."
    assert texts[5] == "quoted"


def test_attributes_of_a_heading_are_no_part_of_it():
    document = read_markdown("x.md", b"# Bells {#bells .wide}\n\nThey ring {at noon}.\n\n## Set {a, b}\n\nOf two.\n")
    assert [(section.title, section.text) for section in document.sections] == [
        ("Bells", "They ring {at noon}."),
        ("Bells / Set {a, b}", "Of two."),
    ]


def test_links_by_reference_keep_their_words():
    assert read_markdown("a.md", b"See [the lamp][1].\n\n[1]: http://x.example").sections[0].text == "See the lamp."


def test_html_within_is_read():
    page = b'<h1 align="center">Brae</h1>\n\n<p>The well is <b>9</b> metres deep.</p>\n\n<details>It is dry.</details>'
    (section,) = read_markdown("a.md", page).sections
    assert (section.title, section.text) == ("Brae", "The well is 9 metres deep.\n\nIt is dry.")


def test_lists_keep_their_numbers_and_footnotes_stand_behind_their_text():
    text = b"Do this:[^1]\n\n3. Dig.\n   - deep\n4. Drink.\n\nRest.\n\n[^1]: Or\n  let it be.\n"
    (section,) = read_markdown("a.md", text).sections
    listing = "3. Dig.\n  - deep\n4. Drink."
    assert section.text == f"Do this:[^1]\n\n[^1] Or let it be.\n\n{listing}\n\nRest."
    assert [section.text[start:end] for start, end in section.keep] == [listing]


def test_markdown_that_would_take_minutes_is_refused(monkeypatch):
    monkeypatch.setattr("core.corpus.readers.markdown.MAX_BYTES", 3)
    with pytest.raises(CorpusError, match="is Markdown of more than"):
        read_markdown("a.md", b"text")


def test_front_matter_that_never_ends_is_text():
    assert "key: value" in read_markdown("a.md", b"---\nkey: value\n\ntext").sections[0].text


@pytest.mark.parametrize(
    "hostile", ["[" * 100_000, "> " * 20_000, "*a_ " * 100_000, "<" * 3_000, "---\n" * 1_000, "`" * 9_999]
)
def test_hostile_markup_takes_no_longer(hostile):
    began = time.process_time()
    read_markdown("a.md", (hostile + " end").encode())
    assert time.process_time() - began < 10
