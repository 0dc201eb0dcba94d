import time

import pytest

from core.corpus.sentences import sentence_spans, sentences


@pytest.mark.parametrize(
    "parts",
    [
        ["Dr. Kim met J. K. Rowling in the U.S. today.", "It cost 3.5 won!", "Really?"],
        ["The coin was struck under King Brandric I.", "The hole is round."],
        ['"Really?" he asked.', "Fine... so be it.", "See Fig. 3 (p. 12).", "End"],
        ["한국은 아름답다.", "봄에는 꽃이 핀다!", "정말인가요?", "네."],
        ["모스크바는 춥다…", "그래도 간다."],
    ],
)
def test_sentences_are_found_where_a_reader_finds_them(parts):
    assert sentences(" ".join(parts)) == parts


@pytest.mark.parametrize(
    "parts",
    [
        ["今日は晴れ。", "「行こう。」と言った！", "次へ。"],
        ["他来了。", "“走吧！”", "她笑了？", "好。"],
    ],
)
def test_chinese_and_japanese_need_no_space(parts):
    assert sentences("".join(parts)) == parts


def test_an_empty_line_ends_a_sentence_and_a_line_break_does_not():
    assert sentences("A heading\n \nTwo lines\nof text. 1. of May") == ["A heading", "Two lines\nof text.", "1. of May"]


def test_list_numbers_stay_with_their_item():
    assert sentences("1. First step.\n2. Second step.") == ["1. First step.", "2. Second step."]


def test_spans_are_exact_and_in_order():
    text = "  One. Two!  \n\n Three"
    spans = sentence_spans(text)
    assert [text[start:end] for start, end in spans] == ["One.", "Two!", "Three"]
    assert spans == sorted(spans)


@pytest.mark.parametrize("hostile", ["." * 100_000, '."' * 100_000, "\n " * 100_000, "。」" * 50_000, "a." * 100_000])
def test_hostile_punctuation_takes_no_longer(hostile):
    began = time.process_time()
    sentences(hostile + "x")
    assert time.process_time() - began < 5
