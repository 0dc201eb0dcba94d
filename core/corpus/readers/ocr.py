"""Text recognition through Tesseract, where it is installed: for pages that are pictures.

A page that turns out to be Korean is read once more as nothing else and as one column: with English beside it,
syllables become Latin letters, and Tesseract's search for columns takes syllables apart. It parts them by spaces, too,
unless it is told to keep those that it sees.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_LANGUAGES = ("eng", "kor")
_DOTS_PER_INCH = 300
_MAX_PIXELS = 40_000_000
_SECONDS = 120
_HANGUL, _LETTER, _SPACES = regex.compile(r"\p{Hangul}"), regex.compile(r"\p{L}"), regex.compile(r"[ \t]{2,}")
_MOSTLY_KOREAN = 0.2
"""Share of Hangul among the letters of a first reading: what was not recognised became Latin letters."""
_COLUMNS, _ONE_COLUMN = "3", "4"


def recognise(pdf: PdfDocument, pages: Sequence[int]) -> dict[int, str]:
    """Text of pages by their number, from 1; nothing where Tesseract is missing or finds no letters.

    Args:
        pages: Numbers of the pages to look at.
    """
    program = shutil.which("tesseract")
    if not program or not pages:
        return {}
    languages = _installed(program)
    return {number: _read(program, languages, _picture(pdf, number)) for number in pages} if languages else {}


def _installed(program: str) -> list[str]:
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    return [name for name in _LANGUAGES if name in listed.stdout.split()]


def _read(program: str, languages: list[str], picture: bytes) -> str:
    text = _text(program, "+".join(languages), _COLUMNS, picture)
    korean = len(_HANGUL.findall(text)) > _MOSTLY_KOREAN * len(_LETTER.findall(text))
    return _text(program, "kor", _ONE_COLUMN, picture) if korean else text


def _picture(pdf: PdfDocument, number: int) -> bytes:
    """A page as a grey picture (PGM), smaller where it would have too many pixels."""
    page = pdf[number - 1]
    width, height = page.get_size()
    scale = _DOTS_PER_INCH / 72
    scale *= min(1.0, (_MAX_PIXELS / max(1.0, width * height * scale**2)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    rows = bytes(bitmap.buffer)
    if bitmap.stride != bitmap.width:
        rows = b"".join(rows[i * bitmap.stride : i * bitmap.stride + bitmap.width] for i in range(bitmap.height))
    return b"P5\n%d %d\n255\n" % (bitmap.width, bitmap.height) + rows[: bitmap.width * bitmap.height]


def _text(program: str, languages: str, layout: str, picture: bytes) -> str:
    command = [program, "stdin", "stdout", "-l", languages, "--psm", layout, "-c", "preserve_interword_spaces=1"]
    done = subprocess.run(command, input=picture, capture_output=True, timeout=_SECONDS, check=False)
    return _SPACES.sub(" ", done.stdout.decode("utf-8", "replace")).strip() if done.returncode == 0 else ""
