"""The exported model answers as the model in this process does: as a folder, and as GGUF on llama.cpp's server."""

import json
import urllib.request

import pytest
import torch
from peft import LoraConfig, get_peft_model

from core.corpus.sample import load_sample
from core.errors import ModelError, TesseraError
from core.models.adapter import Adapter
from core.models.download import original_file
from core.models.engine import LocalEngine
from core.models.engine_base import text_of
from core.models.export import export_folder, export_gguf
from core.models.language_model import LanguageModel
from core.models.registry import Models
from core.models.server import Server
from core.models.server_engine import ServerEngine
from core.models.variant import ModelVariant
from core.settings import Settings
from core.trace import Tracer
from tests.llama_server import llama_params, llama_server
from tests.models import tiny_language_model
from tests.tiny_gguf import write_gguf

PROMPTS = [f"Passage {n}: the keepers of lamp {n} carry blue glass over the canal." for n in range(6)]
SETTINGS = Settings(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A tiny model with an adapter that changes what it says."""
    folder = tmp_path_factory.mktemp("lora")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lora = LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "k_proj", "down_proj"], init_lora_weights=False)
        get_peft_model(tiny_language_model().model, lora).save_pretrained(folder)
    return tiny_language_model().with_adapter(Adapter.from_peft(folder))


def greedy(lm, text, count=12):
    session = lm.session()
    for _ in session.prefill_steps(lm.tokenizer.encode(text)):
        pass
    return list(session.decode(count))


def same_weights(one, other):
    weights = one.model.state_dict()
    return all(torch.equal(weights[name], value) for name, value in other.model.state_dict().items())


def exactly(path):
    """llama.cpp's server, with keys and values in float32."""
    params = llama_params(path, 2048)
    params.cache_type_k = params.cache_type_v = pytest.importorskip("xllamacpp").ggml_type.GGML_TYPE_F32
    return llama_server(params)


def test_a_folder_answers_as_the_model_with_its_adapter(reader, tmp_path):
    folder = export_folder(reader, tmp_path / "models" / "reader")
    loaded = LanguageModel.load(ModelVariant(str(folder), None, "float32"), SETTINGS)
    assert same_weights(loaded, reader)
    said = [greedy(reader, prompt) for prompt in PROMPTS]
    assert [greedy(loaded, prompt) for prompt in PROMPTS] == said
    assert [greedy(tiny_language_model(), prompt) for prompt in PROMPTS] != said  # the adapter is in it
    assert loaded.identity.prompt == reader.identity.prompt
    card = json.loads((folder / "tessera-export.json").read_text("utf-8"))
    assert card["adapter"] == reader.identity.adapter and [path.name for path in folder.parent.iterdir()] == ["reader"]


def test_a_gguf_file_answers_on_llama_cpp_as_the_model_with_its_adapter(reader, tmp_path):
    path = export_gguf(reader, write_gguf(tiny_language_model(), tmp_path / "plain.gguf"), tmp_path / "reader.gguf")
    with exactly(path) as address:
        for prompt in PROMPTS:
            ids = reader.tokenizer.encode(prompt)
            wanted = {"prompt": ids, "n_predict": 12, "temperature": 0, "return_tokens": True}
            request = urllib.request.Request(f"{address.removesuffix('/v1')}/completion", json.dumps(wanted).encode())
            with urllib.request.urlopen(request) as response:
                tokens = json.loads(response.read())["tokens"]
            said = greedy(reader, prompt)
            assert tokens[: len(said)] == said and len(said) > 3


def test_what_cannot_be_exported_is_a_sentence(reader, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(TesseraError, match="already"):
        export_folder(reader, tmp_path / "there")
    with pytest.raises(ModelError, match="no GGUF file"):
        export_gguf(reader, None, tmp_path / "reader.gguf")
    other = write_gguf(tiny_language_model(layers=3), tmp_path / "other.gguf")
    with pytest.raises(ModelError, match="does not fit"):
        export_gguf(reader, other, tmp_path / "reader.gguf")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(TesseraError, match="cannot be written"):
        export_folder(reader, tmp_path / "file" / "reader")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "other.gguf", "there"]


@pytest.mark.real
def test_the_reader_is_the_same_in_its_folder_and_answers_alike_on_llama_cpp(tmp_path):
    settings = Settings(dtype="float32")
    lm = Models(settings).language_model()
    corpus = load_sample()
    known = {passage.id: passage for passage in corpus.passages}
    asked = [(q.text, [known[i] for i in q.passage_ids]) for q in corpus.questions["test"][:4]]

    def answers(engine):
        return [text_of(engine.stream(question, read, Tracer())) for question, read in asked]

    here = answers(LocalEngine(lm, 24))
    assert len(set(here)) > 2
    folder = export_folder(lm, tmp_path / "reader")
    loaded = LanguageModel.load(ModelVariant(str(folder), None, "float32"), settings)
    assert same_weights(loaded, lm) and loaded.identity.prompt == lm.identity.prompt
    path = export_gguf(lm, original_file(settings.model, settings.home), tmp_path / "reader.gguf")
    with exactly(path) as address:
        assert answers(ServerEngine(Server(address, "reader"), 24)) == here
