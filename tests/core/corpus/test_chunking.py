from itertools import pairwise

import pytest
import regex

from core.corpus.chunking import LONGEST, SHORTEST, WHOLE, Chunking, chunk_spans, reading_count
from core.corpus.chunking import chunk as chunks
from core.errors import CorpusError


def chunk(*args, **options):
    return list(chunks(*args, **options))


ENGLISH = " ".join(f"Sentence number {n} says that the lamp of tower {n} burns." for n in range(90))
KOREAN = " ".join(f"{n}번째 등대는 오늘 밤에도 조용히 빛난다." for n in range(90))
CHINESE = "".join(f"第{n}座灯塔今夜也静静地发光。" for n in range(90))
UNBROKEN = "word " * 700
ONE_WORD = "가나다라마바사" * 300
FAMILY = "👨‍👩‍👧‍👦" * 300
MIXED = "\n\n".join((ENGLISH[:1500], KOREAN[:800], CHINESE[:900], UNBROKEN[:900], ONE_WORD[:900]))


def characters(text: str) -> int:
    return -(-len(text) // 4)


@pytest.mark.parametrize("text", [ENGLISH, KOREAN, CHINESE, UNBROKEN, ONE_WORD, FAMILY, MIXED])
@pytest.mark.parametrize("tokens", [characters, lambda text: len(text.encode()), lambda text: len(text.split()) * 3])
def test_no_piece_is_too_long_and_nothing_is_lost(text, tokens):
    pieces = chunk(text, tokens, target=64, most=96)
    assert all(tokens(piece) <= 96 for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(piece == piece.strip() and piece in text for piece in pieces)


@pytest.mark.parametrize("text", [FAMILY, ONE_WORD, "é̈" * 900, "🇰🇷🇯🇵" * 200])
def test_what_a_reader_sees_as_one_character_stays_whole(text):
    pieces = chunk(text, lambda piece: len(piece.encode()), target=64, most=96)
    assert len(pieces) > 1
    assert [cluster for piece in pieces for cluster in regex.findall(r"\X", piece)] == regex.findall(r"\X", text)


@pytest.mark.parametrize("text", [ENGLISH, KOREAN, CHINESE])
def test_pieces_end_with_sentences(text):
    assert all(piece[-1] in ".。" for piece in chunk(text, characters))


def test_a_passage_that_fits_is_left_alone(count):
    text = "Short.  With two spaces,\nand a line break."
    assert chunk(text, count) == [text]
    assert chunk(" word" * 192, count) == [("word " * 192).strip()]
    assert chunk(" \n ", count) == []


def test_pieces_are_even_and_near_the_target():
    sizes = [characters(piece) for piece in chunk(ENGLISH, characters)]
    assert len(sizes) > 5
    assert all(96 <= size <= 144 for size in sizes)
    two = chunk("Ten words make one sentence of this very plain text. " * 20, lambda text: len(text.split()))
    assert [len(piece.split()) for piece in two] == [100, 100]


def test_a_stub_joins_its_neighbour():
    book = "Ten words make one sentence of this very plain text. " * 400 + "The end."
    sizes = [len(piece.split()) for piece in chunk(book, lambda text: len(text.split()))]
    assert sizes == [120] * 32 + [162]


def test_a_character_of_too_many_tokens_is_refused():
    with pytest.raises(CorpusError, match="single character"):
        chunk("ᄀ" * 400, lambda text: len(text.encode()), target=64, most=96)


def test_a_long_text_needs_few_counts():
    calls = 0

    def tokens(text: str) -> int:
        nonlocal calls
        calls += 1
        return len(text.split())

    pieces = chunk("word " * 20_000, tokens)
    assert calls < 30 * len(pieces)


def test_megabytes_without_an_end_take_time_and_memory_in_proportion():
    counted = 0

    def tokens(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return len(text) // 4 + 1

    for text in ("x" * 2_000_000, "word " * 400_000, "가" * 1_000_000, "e\u0301" * 500_000):
        counted = 0
        pieces = chunk(text, tokens)
        assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
        assert max(len(piece) // 4 + 1 for piece in pieces) <= 192
        assert counted < 30 * len(text)


def test_passages_come_one_by_one():
    pieces = chunks("word " * 4_000_000, lambda text: len(text.split()))
    assert next(pieces).startswith("word word")


@pytest.mark.parametrize("text", [ENGLISH, KOREAN, CHINESE])
def test_a_passage_repeats_whole_sentences_of_the_one_before_within_both_limits(text):
    plain = list(chunk_spans(text, characters, target=64, most=96))
    spans = list(chunk_spans(text, characters, target=64, most=96, overlap=30))
    assert [end for _, end in spans] == [end for _, end in plain]
    assert any(start < before for (_, before), (start, _) in pairwise(spans))
    for (start, end), (bare, _) in zip(spans, plain, strict=True):
        assert characters(text[start:bare]) <= 30 and characters(text[start:end]) <= 96
        assert start == bare or text[:start].rstrip()[-1] in ".。"


def test_rows_repeat_nothing():
    text = "The first sentence is here. The second one too.\nFerry: Mara.\nFerry: Lind.\nThe last sentence."
    rows = [(at, text.index("\n", at)) for at in (text.index("Ferry: Mara"), text.index("Ferry: Lind"))]
    spans = chunk_spans(text, characters, rows=rows, overlap=30)
    assert "\n".join(text[start:end] for start, end in spans) == text


@pytest.mark.parametrize(("length", "overlap"), [(SHORTEST - 1, 0), (LONGEST + 1, 0), (128, 65), (128, -1)])
def test_a_choice_out_of_bounds_is_refused(length, overlap):
    with pytest.raises(CorpusError, match="not possible"):
        Chunking(length, overlap)


def test_the_usual_choice_and_the_longest_passage():
    assert (Chunking().length, Chunking().most) == (128, 192)
    assert Chunking(LONGEST).most <= WHOLE


def bytes_of(text):
    """As an English tokenizer counts: a Hangul syllable is three tokens, a word in Latin letters is one."""
    return sum(3 * len(word) if not word.isascii() else 1 for word in text.split())


def test_korean_passages_are_measured_in_syllables_and_not_in_bytes():
    korean = " ".join(f"등대는 강 어귀의 바위 위에 서 있고 높이는 {number}미터다." for number in range(10, 30))
    in_bytes, measured = (chunk(korean, count, 64, 96) for count in (bytes_of, reading_count(bytes_of, 96)))
    assert [pieces[0].count("미터다.") for pieces in (in_bytes, measured)] == [1, 2]
    assert all(bytes_of(piece) <= WHOLE for piece in measured)


def test_a_script_that_the_tokenizer_knows_is_counted_by_it():
    count = reading_count(lambda text: len(text.split()), 192)
    assert count("등대는 바위 위에 서 있다") == 5
    assert count("The lighthouse stands") == 3


def test_no_korean_passage_is_longer_than_a_cell_bears():
    text = "가" * 3_000
    assert all(30 * len(piece) <= WHOLE for piece in chunk(text, reading_count(lambda t: 30 * len(t), 192)))
