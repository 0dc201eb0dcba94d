"""What is said of documents that a model cannot read."""

from dataclasses import replace

from core.corpus.sample import load_sample
from core.methods.script_warnings import corpus_warnings, script_warnings
from core.models.presets import SMOLLM2
from core.settings import Settings
from tests.models import TinyModels


def test_korean_documents_are_warned_about_and_english_ones_are_not(
    tmp_path, tiny_lm, tiny_encoder, tiny_corpus, monkeypatch
):
    settings = Settings(workspaces=tmp_path, model=SMOLLM2.name)
    models = TinyModels(settings, tiny_lm, tiny_encoder)
    monkeypatch.setattr(type(tiny_encoder), "knows", lambda self, text: text.isascii())
    korean = load_sample("sample-ko").passages
    encoder, model = corpus_warnings(korean, models, settings)
    assert "multilingual-e5-small" in encoder
    assert model.startswith("This model answers English only") and "connect a server" in model
    assert corpus_warnings(tiny_corpus.passages, models, settings) == ()
    assert corpus_warnings(korean, models, replace(settings, engine_url="http://localhost:1/v1")) == (encoder,)


def test_a_model_that_may_know_other_languages_is_not_called_english(tiny_lm):
    (warning,) = script_warnings("누가 다리를 지었는가?", None, tiny_lm.prompt, "somebody/model")
    assert "does not know this script" in warning
