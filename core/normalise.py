"""One normal form for all text: words that look the same are the same characters.

Passages and questions both go through ``normalise``, so that either way of writing a word finds the other:

* canonical composition (NFC): Hangul typed as jamo, accents as combining marks;
* ligatures (U+FB01 -> "fi"), compatibility ideographs and radicals, full-width Latin letters and digits;
* characters without width (soft hyphen, zero-width space, byte-order mark) are dropped, joiners only where the script
  does not need them (they shape Indic and Arabic letters and emoji);
* the hyphens U+2010 and U+2011 become "-", spaces of any width become " ".

Superscripts keep their meaning, which NFKC would lose: 10⁶ does not become 106.
"""

from __future__ import annotations

import unicodedata

import regex

_INVISIBLE = regex.compile("[\u00ad\u200b\u2060\ufeff\u180e]")
_JOINER = regex.compile(
    r"(?<=[\p{Latin}\p{Greek}\p{Cyrillic}\p{Hangul}\p{Han}\p{Hiragana}\p{Katakana}\d\s])[\u200c\u200d]+"
)
_COMPATIBLE = regex.compile("[\u2e80-\u2fdf\uf900-\ufaff\ufb00-\ufb06\ufb13-\ufb17\uff01-\uff5e\uffe0-\uffe6]")
_SURROGATE = regex.compile("[\ud800-\udfff]")
_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011", "-"),
        **dict.fromkeys(
            "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
        ),
        **dict.fromkeys("\u2028\u2029\u0085", "\n"),
    }
)


def normalise(text: str) -> str:
    """The normal form of a text; applying it twice changes nothing."""
    visible = _JOINER.sub("", _INVISIBLE.sub("", text).translate(_SAME))
    plain = _COMPATIBLE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), visible)
    return unicodedata.normalize("NFC", plain)


def folded(text: str) -> str:
    """The text without differences of letter case, spacing and Unicode form, for comparisons."""
    return " ".join(normalise(text).casefold().split())


def comma_separated(text: str) -> list[str]:
    """The entries of a list with commas."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def is_unicode(text: str) -> bool:
    """Whether a text can be encoded: undecodable bytes and some JSON escapes arrive as lone surrogates."""
    return not _SURROGATE.search(text)
