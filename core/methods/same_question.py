"""Whether two questions ask the same thing; verifies a nearest-neighbour hit of the answer cache.

Opposite questions have similar vectors ("from Tarn to Solm" and "from Solm to Tarn" have cosine .99 with all-MiniLM),
so distance alone would return wrong answers. Here two questions are the same only if their words are the same, in the
same order, after removing what never changes the meaning: articles, courtesies, contractions, Korean endings, spaces
between Korean words, "what" or "which", the position of "is" ("tell me when it was built"), "in which town ... born" or
"which town ... born in". Everything else counts: names, numbers, negations, prepositions, tense and order. Paraphrases
in other words are missed, but opposites are never accepted. Measured on 47 paraphrases and 26 opposites about the
sample (``tests/core/methods/question_pairs.jsonl``).
"""

from __future__ import annotations

import regex

from core.normalise import normalise

_WORD = regex.compile(r"\p{N}+(?:[.,:/]\p{N}+)*|[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*")
_GREETING = regex.compile(r"^(?:(?:hi|hello|please)[\s,]+)+")
_COURTESY = regex.compile(
    r"^(?:(?:so|and|well)[\s,]+)*"
    r"(?:(?:can|could|would|will) you (?:please )?(?:tell me|say)|(?:please )?tell me|do you know|"
    r"i (?:would like|want) to know|i wonder)[\s,]+"
)
_CONTRACTIONS = {"can't": "can not", "won't": "will not", "shan't": "shall not", "let's": "let us"}
_ENDINGS = {"n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'m": " am"}
_IS = regex.compile(r"\b(who|what|which|where|when|why|how|it|that|there|he|she)'s\b")
_YEAR = regex.compile(r"\bin (what|which) year\b")
_IGNORED = frozenset({"a", "an", "the", "please", "exactly"})
_EQUAL = {"what": "which", "cannot": "can not", "무슨": "어떤"}
_IS_FORMS = ("is", "are", "was", "were")
_PREPOSITIONS = ("at", "by", "for", "from", "in", "into", "of", "on", "to", "under", "with")
_NAMED = "named"
# "지었는가", "지었나요" and "지었습니까" ask the same: the ending says how polite the question is, not what it asks.
_PAST = "".join(chr(code) for code in range(0xAC00, 0xD7A4) if (code - 0xAC00) % 28 == 20)  # syllables that end in ㅆ
_KOREAN_PAST_ENDING = regex.compile(f"(?<=[{_PAST}])(?:어요|을까요|지요|죠|니)$")
_KOREAN_GAP = regex.compile(r"(?<=\p{Hangul}) (?=\p{Hangul})")
_KOREAN_ENDING = regex.compile(r"(?<=\p{Hangul})(?:인가요|는가요|은가요|입니까|습니까|는가|은가|인가|나요|가요)$")


def same_question(first: str, second: str) -> bool:
    """Whether two questions have the same meaning, judged by their words."""
    return meaning_words(first) == meaning_words(second)


def meaning_words(question: str) -> tuple[str, ...]:
    """The words of a question that determine its meaning, in order."""
    text = normalise(question).casefold().replace("’", "'").strip()
    text = _COURTESY.sub("", _GREETING.sub("", text))
    for short, full in _CONTRACTIONS.items():
        text = text.replace(short, full)
    text = _IS.sub(r"\1 is", text)
    for ending, full in _ENDINGS.items():
        text = regex.sub(rf"{ending}\b", full, text)
    text = _YEAR.sub(r"\1 year", text).replace("되었", "됐").replace("하였", "했")
    words = (_EQUAL.get(word, word) for word in _WORD.findall(text))
    stems = _reordered([piece for word in words for piece in word.split() if piece not in _IGNORED])
    if stems:
        stems[-1] = _KOREAN_PAST_ENDING.sub("", _KOREAN_ENDING.sub("", stems[-1]))
    return tuple(_KOREAN_GAP.sub("", " ".join(stems)).split(" ")) if stems else ()


def _reordered(words: list[str]) -> list[str]:
    """An English question with "is", a leading preposition and phrases that ask for a name in canonical order."""
    if words[:1] and words[0] in _PREPOSITIONS and words[1:2] == ["which"]:
        words = [*words[1:], words[0]]
    verb = next((word for word in words if word in _IS_FORMS), "")
    if not verb or words[0] == verb:
        return words  # "is it open" and "it is open" are not changed
    at = words.index(verb)
    rest = words[:at] + words[at + 1 :]
    if rest[:3] == ["which", "name", "of"]:
        rest = ["which", _NAMED, *rest[3:]]
    elif rest[0] == "which" and rest[-1] == "called" and at == 1:
        rest = ["which", _NAMED, *rest[1:-1]]
    return [*rest, verb]
