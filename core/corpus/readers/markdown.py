"""Markdown: a section for each heading, titled with the headings above it; markup is taken off, text and code stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import regex

from core.corpus.intake import clean, clean_title, decode, refused
from core.corpus.readers.base import Document, Section
from core.said import said

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = regex.compile(r"\A---\n(?:(?!---\n)[^\n]*+\n)*+---\n")
_SEPARATOR = " / "
# The parser takes seconds for a megabyte.
MAX_BYTES = 5 * 1024 * 1024
# Markup inside a block takes quadratic time to untangle; a paragraph this long is taken as it stands.
_LONGEST_BLOCK = 4_000


def read_markdown(name: str, content: bytes) -> Document:
    """Reads a Markdown file; a title such as "Guide / Install / Linux" names the way to the section.

    Raises:
        CorpusError: It is in an unknown encoding, binary, or too big.
    """
    from markdown_it import MarkdownIt

    if len(content) > MAX_BYTES:
        raise refused(
            name, said("is Markdown of more than {n} MB", n=MAX_BYTES // 2**20), "Split it into smaller files."
        )
    text = _FRONT_MATTER.sub("", decode(name, content))
    env: dict[str, Any] = {}
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(text, env)
    inline = MarkdownIt("commonmark")

    def plain(block: str) -> str:
        return block if len(block) > _LONGEST_BLOCK else _plain(inline.parseInline(block, env)[0])

    return Document(tuple(_sections(name, tokens, plain)))


def _sections(name: str, tokens: list[Token], plain: Callable[[str], str]) -> Iterator[Section]:
    trail: list[tuple[int, str]] = []
    blocks: list[str] = []
    level = 0
    for token in tokens:
        if token.type == "heading_open":
            yield from _section(name, trail, blocks)
            blocks, level = [], int(token.tag[1:])
            trail = [heading for heading in trail if heading[0] < level]
        elif token.type == "heading_close":
            level = 0
        elif level and token.type == "inline":
            trail.append((level, plain(token.content)))
        elif token.type == "inline":
            blocks.append(plain(token.content))
        elif token.type in ("fence", "code_block"):
            blocks.append(token.content.rstrip("\n"))
    yield from _section(name, trail, blocks)


def _section(name: str, trail: list[tuple[int, str]], blocks: list[str]) -> Iterator[Section]:
    text = clean("\n\n".join(block for block in blocks if block), name)
    if text:
        yield Section(text, clean_title(_SEPARATOR.join(heading for _, heading in trail), name))


def _plain(token: Token) -> str:
    """Text of a block without its markup: links and images leave their words, raw HTML leaves nothing."""
    words: list[str] = []
    for child in token.children or ():
        if child.type in ("text", "code_inline", "image"):
            words.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            words.append("\n")
    return "".join(words)
