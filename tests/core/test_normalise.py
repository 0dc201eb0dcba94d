import unicodedata

import pytest

from core.corpus.sample import load_sample
from core.normalise import normalise


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("of\ufb01ce, \ufb01fth \ufb02oor, e\ufb03ciency", "office, fifth floor, efficiency"),
        ("cere\xadmony of the light\xadhouse, trea\u200bsurer", "ceremony of the lighthouse, treasurer"),
        ("light\u2010keeper, non\u2011breaking", "light-keeper, non-breaking"),
        ("40\u00a0crowns\u2009a night", "40 crowns a night"),
        ("\ufeffThe first line", "The first line"),
        ("１９１１年", "1911年"),
        ("\u2f08口", "人口"),
        ("10⁶ joules, CO₂, ½, №5, ™", "10⁶ joules, CO₂, ½, №5, ™"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("ab\u200dcd", "abcd"),
    ],
)
def test_what_looks_the_same_is_the_same(written, read):
    assert normalise(written) == read


@pytest.mark.parametrize("text", ["누가 다리를 지었는가?", "café", "Ångström", "ậ"])
def test_composed_and_decomposed_are_one(text):
    assert normalise(unicodedata.normalize("NFD", text)) == unicodedata.normalize("NFC", text)


def test_once_is_enough():
    everything = "".join(map(chr, [*range(0x20, 0xD800), *range(0xF900, 0x10000)]))
    assert normalise(normalise(everything)) == normalise(everything)


def test_the_sample_is_in_its_normal_form_already():
    corpus = load_sample()
    for passage in corpus.passages:
        assert (normalise(passage.title), normalise(passage.text)) == (passage.title, passage.text)
    for question in (question for group in corpus.questions.values() for question in group):
        assert normalise(question.text) == question.text
