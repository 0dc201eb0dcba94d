"""Bytes to text: the encoding comes from a byte order mark, from valid UTF-8, or is assumed and noted.

Candidates are tried strictly and judged by what the characters would mean: Korean, Japanese and Western files that were
saved by an office program of their country. What none of them explains is refused.
"""

from __future__ import annotations

import codecs

import regex

from core.corpus.limits import MAX_LINE, check_size, line_of, refused
from core.messages import message

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = regex.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff]")
_NOT_ASCII = regex.compile(r"[^\x00-\x7f]")
_CODECS = {"CP949": "cp949", "Shift-JIS": "cp932", "CP1252": "cp1252"}
_HANGUL = regex.compile(r"[가-힣]")
_KANA = regex.compile(r"[\u3040-\u30ff]")
_JAPANESE = regex.compile(r"[\u3040-\u30ff\u3005\u4e00-\u9fff\u3000-\u303f\uff00-\uff5e…‘’“”]")
_KANJI = regex.compile(r"[\u4e00-\u9fff]{2,}")
_HAN_OR_MARK = regex.compile(r"[\u4e00-\u9fff\uf900-\ufaff\u3000-\u303f\uff00-\uff5e\u2460-\u2473·…‘’“”○●■□※→℃㎡㎏]")
_WESTERN = regex.compile(r"[À-ÖØ-öø-ÿŒœŠšŽžŸ€‚„…‘’“”–—•°§«»©®™²³½¼¾£¡¿·\u00a0´±µ×]")
_LETTER = regex.compile(r"\p{L}")
_FITS = 0.9
_JUDGED_CHARACTERS = 200_000
"""Bytes by which an encoding is judged; all of them have to be valid in it."""


def decode(name: str, content: bytes, longest_line: int = MAX_LINE) -> tuple[str, str]:
    r"""Text of a file, with ``\n`` for line breaks, and a note of the encoding that was assumed, if one was.

    Raises:
        CorpusError: It is binary or in an unknown encoding, too big, or has a line of more characters.
    """
    check_size(name, len(content))
    text, note = _decoded(name, content)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        why = message("holds a NUL character, so it is not text")
        raise refused(line_of(name, line), why, "Export it as text first.")
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if end - start > longest_line:
            why = message("is longer than {n:,} characters", n=longest_line)
            raise refused(line_of(name, text.count("\n", 0, start) + 1), why, "Break it into several lines.")
        start = end + 1
    return text, note


def _decoded(name: str, content: bytes) -> tuple[str, str]:
    codec = next((codec for mark, codec in _MARKS if content.startswith(mark)), "")
    unmarked = "" if codec else _utf16_without_mark(content)
    if unmarked:
        return content.decode(unmarked), message("read as {codec}, which was assumed", codec=unmarked)
    try:
        return content.decode(codec or "utf-8"), ""
    except UnicodeDecodeError as error:
        guess = "" if codec else _guess(content)
        if guess:
            return content.decode(_CODECS[guess]), message("read as {codec}, which was assumed", codec=guess)
        shown = (codec or "utf-8").upper().removesuffix("-SIG")
        byte = content[error.start]
        why = message(
            "is not {codec}: byte {n:,} (0x{byte:02x}) does not belong there", codec=shown, n=error.start, byte=byte
        )
        raise refused(name, why, "Save it as UTF-8 and try again.") from error


def _guess(content: bytes) -> str:
    """Name of the encoding in which the bytes read as a text of its country; empty where none fits."""
    shares = {name: _share(name, content) for name in _CODECS}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _FITS else ""


def _utf16_without_mark(content: bytes) -> str:
    head = content[:4_096]
    if len(content) % 2 or len(head) < 8:
        return ""
    for name, zeros, letters in (("UTF-16-LE", head[1::2], head[::2]), ("UTF-16-BE", head[::2], head[1::2])):
        if zeros.count(0) > 0.7 * len(zeros) and not letters.count(0):
            try:
                content.decode(name)
            except UnicodeDecodeError:
                continue
            return name
    return ""


def _share(name: str, content: bytes) -> float:
    """How much of what is not ASCII is what this encoding is there for; 0 where the bytes are not valid in it."""
    try:
        text = content.decode(_CODECS[name])[:_JUDGED_CHARACTERS]
    except UnicodeDecodeError:
        return 0.0
    odd = _NOT_ASCII.findall(text)
    if not odd or _CONTROLS.search(text):
        return 0.0
    return {"CP949": _korean, "Shift-JIS": _japanese, "CP1252": _western}[name](text, odd) / len(odd)


def _korean(text: str, odd: list[str]) -> int:
    """Korean text uses the 2,350 syllables of EUC-KR; a wrong encoding gives others of the 11,172 in Unicode."""
    # In EUC-KR a syllable has two bytes; others are spelt out in eight.
    common = sum(len(character.encode("euc-kr")) == 2 for character in odd if _HANGUL.match(character))
    han = sum(_HAN_OR_MARK.match(character) is not None for character in odd)
    return common + han if common * 3 > len(odd) * 2 else 0


def _japanese(text: str, odd: list[str]) -> int:
    """Japanese text has kana; a list of names may have none, but words of two and more of the commonest kanji."""
    kana = sum(_KANA.match(character) is not None for character in odd)
    common = sum(0x88 <= kanji.encode("cp932")[0] < 0x98 for word in _KANJI.findall(text) for kanji in word)
    fits = kana * 10 > len(odd) or common * 5 > len(odd) * 4
    return sum(_JAPANESE.match(character) is not None for character in odd) if fits else 0


def _western(text: str, odd: list[str]) -> int:
    """Accents are the exception in every language of the West: most letters are ASCII."""
    letters = _LETTER.findall(text)
    accented = sum(letter > "\x7f" for letter in letters)
    return sum(_WESTERN.match(character) is not None for character in odd) if accented * 2 <= len(letters) else 0
