"""Scripts that a tokenizer does not know."""

import pytest

from core.models.registry import Models
from core.models.scripts import knows_script
from core.settings import Settings

KNOWN = (
    "Who built the bridge?",
    "¿Quién construyó el puente?",
    "Ai đã xây cây cầu này?",
    "Who is 김철수 here?",
    "1180",
    "",
)
UNKNOWN_TO_BOTH = (
    "누가 다리를 지었는가?",
    "누가 다리를 부쉈는가?",
    "谁建造了这座桥？",
    "誰が橋を建てましたか？",
    "ใครสร้างสะพาน",
    "पुल किसने बनाया?",
)


@pytest.mark.parametrize("question", KNOWN)
def test_latin_words_and_numbers_are_read(tiny_lm, question):
    assert knows_script(tiny_lm.tokenizer, question)


@pytest.mark.parametrize("question", UNKNOWN_TO_BOTH)
def test_what_is_spelled_in_bytes_is_not(tiny_lm, question):
    assert not knows_script(tiny_lm.tokenizer, question)


class Syllables:
    """A tokenizer that knows every syllable, as multilingual ones do."""

    unk_token_id = 0

    def __call__(self, word, add_special_tokens):
        return {"input_ids": [ord(letter) for letter in word]}


class Nothing(Syllables):
    """One that knows none."""

    def __call__(self, word, add_special_tokens):
        return {"input_ids": [self.unk_token_id]}


def test_known_syllables_are_read_and_unknown_words_are_not():
    assert knows_script(Syllables(), "누가 다리를 지었는가?")
    assert not knows_script(Nothing(), "누가 다리를 지었는가?")
    assert not knows_script(Syllables(), "построил"), "letters say nothing"


@pytest.mark.real
def test_the_default_models_know_latin_and_say_so_of_the_rest():
    models = Models(Settings.from_environment())
    encoder, tokenizer = models.encoder(), models.language_model().tokenizer
    for question in KNOWN:
        assert encoder.knows(question) and knows_script(tokenizer, question), question
    for question in UNKNOWN_TO_BOTH:
        assert not encoder.knows(question) and not knows_script(tokenizer, question), question
