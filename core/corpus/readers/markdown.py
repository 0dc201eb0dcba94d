"""Markdown: a section for each heading, titled with the headings above it; markup is taken off, text and code stay.

It is rendered to HTML, which it may hold anyway, and read as that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import regex

from core.corpus.limits import refused
from core.corpus.readers.base import Document
from core.corpus.readers.encodings import decode
from core.corpus.readers.html import add_html
from core.corpus.readers.outline import Outline
from core.messages import message

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = regex.compile(r"\A---\n(?:(?!---\n)[^\n]*+\n)*+---\n")
_FOOTNOTE = regex.compile(r"(?m)^\[\^(?<mark>[^\]\s]{1,20})\]:[ \t]*(?<text>[^\n]*+(?:\n[ \t]++\S[^\n]*+)*+)\n?")
_ATTRIBUTES = regex.compile(r"(?m)^(?<heading>#{1,6} [^\n{]*+)\{[#.:][^\n{}]*\}[ \t]*$")
_REFERENCE = regex.compile(r"\[\^(?<mark>[^\]\s]{1,20})\]")
# The parser takes seconds for a megabyte.
MAX_BYTES = 5 * 1024 * 1024
# Markup inside a block takes quadratic time to untangle; a paragraph this long is taken as it stands.
_LONGEST_BLOCK = 4_000


def read_markdown(name: str, content: bytes) -> Document:
    """Reads a Markdown file; a title such as "Guide / Install / Linux" names the way to the section.

    Raises:
        CorpusError: It is in an unknown encoding, binary, or too big.
    """
    if len(content) > MAX_BYTES:
        raise refused(
            name, message("is Markdown of more than {n} MB", n=MAX_BYTES // 2**20), "Split it into smaller files."
        )
    decoded, note = decode(name, content)
    text = _ATTRIBUTES.sub(r"\g<heading>", _FRONT_MATTER.sub("", decoded))
    notes = {f"[^{note['mark']}]": " ".join(note["text"].split()) for note in _FOOTNOTE.finditer(text)}
    outline = Outline(name)
    if text.strip():
        add_html(outline, _rendered(_FOOTNOTE.sub("", text), notes), name)
    return Document(outline.sections(), note)


def _rendered(text: str, notes: dict[str, str]) -> str:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    env: dict[str, Any] = {}
    inline = MarkdownIt("commonmark").enable("table")
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(text, env)
    for block in tokens:
        if block.type != "inline":
            continue
        if len(block.content) > _LONGEST_BLOCK:
            block.children = [Token("text", "", 0, content=block.content)]
        else:
            block.children = inline.parseInline(block.content, env)[0].children
    return inline.renderer.render(list(_with_notes(tokens, notes)), inline.options, env)


def _with_notes(tokens: list[Token], notes: dict[str, str]) -> list[Token]:
    """The tokens with each footnote behind the paragraph that refers to it."""
    from markdown_it.token import Token

    placed: list[Token] = []
    due: list[str] = []
    for block in tokens:
        placed.append(block)
        if notes and block.type == "inline":
            due += [reference[0] for reference in _REFERENCE.finditer(block.content) if reference[0] in notes]
        if due and block.level == 0 and block.nesting <= 0 and block.type != "inline":
            for mark in dict.fromkeys(due):
                text = Token("text", "", 0, content=f"{mark} {notes[mark]}")
                placed += [
                    Token("paragraph_open", "p", 1),
                    Token("inline", "", 0, children=[text]),
                    Token("paragraph_close", "p", -1),
                ]
            due = []
    return placed
