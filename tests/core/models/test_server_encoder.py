"""The encoder on a server: one of the tests' own that misbehaves as it is told, and llama.cpp's."""

import numpy as np
import pytest
from pydantic import SecretStr

from core import pipeline
from core.errors import ArtefactStale, ModelError
from core.methods.base import answer
from core.methods.registry import open_method
from core.methods.resources import Resources
from core.models import server as server_module
from core.models.encoder import truncated_rows
from core.models.registry import Models
from core.models.server import Server, encoder_name
from core.models.server_encoder import ServerEncoder, probe_embedder
from core.settings import Settings
from core.workspace import Workspace
from tests.chat_server import KEY, chat_server
from tests.llama_server import llama_params, llama_server
from tests.models import TinyModels
from tests.tiny_gguf import write_gguf

TEXTS = ["The harbour bell rings at noon.", "Winter pears.", "서울의 도서관"]


@pytest.fixture
def server():
    with chat_server() as found:
        yield found


def encoder(server, model="tiny"):
    return ServerEncoder(Server(server.url, model, 60, SecretStr(KEY), "TESSERA_EMBED"))


def test_vectors_are_the_servers_in_order_and_of_unit_length(server, tiny_encoder):
    found = encoder(server)
    assert found.dim == tiny_encoder.dim and found.max_tokens == 512
    np.testing.assert_allclose(found.encode_passages(TEXTS), tiny_encoder.encode_passages(TEXTS), atol=1e-6)
    np.testing.assert_allclose(found.encode_query(TEXTS[0]), tiny_encoder.encode_query(TEXTS[0]), atol=1e-6)
    assert found.encode_passages([]).shape == (0, tiny_encoder.dim) and found.count("three little words") == 3
    assert {sent["key"] for sent in server.requests} == {f"Bearer {KEY}"}


def test_a_preset_brings_its_prefixes(server):
    found = encoder(server, "intfloat/e5-base-v2")
    found.encode_query("bell")
    found.encode_passages(["bell"])
    assert [sent["input"] for sent in server.requests[-2:]] == [["query: bell"], ["passage: bell"]]


def test_a_text_that_is_too_long_is_read_from_its_beginning(server, tiny_encoder):
    found = encoder(server)
    vectors = found.encode_passages([TEXTS[0], "bell " * 900])
    np.testing.assert_allclose(vectors[0], tiny_encoder.encode_query(TEXTS[0]), atol=1e-6)
    np.testing.assert_allclose(vectors[1], tiny_encoder.encode_query("bell"), atol=1e-6)
    assert truncated_rows(found, [TEXTS[0], "bell " * 900, "a " * 500]) == [1]


@pytest.mark.parametrize(
    ("reply", "says"),
    [("401", "refused the key"), ("404", "knows no model"), ("zeros", "no vector"), ("one less", "no vector")],
)
def test_a_server_that_gives_no_vectors_is_a_sentence(server, reply, says):
    server.replies = [reply]
    with pytest.raises(ModelError, match=says) as caught:
        encoder(server)
    assert KEY not in f"{caught.value.what} {caught.value.remedy}" and caught.value.remedy


def test_addresses_that_are_none_are_refused_with_their_variable():
    for url, model, variable in (("harbour", "tiny", "TESSERA_EMBED_URL"), ("http://x/v1", "", "TESSERA_EMBED_MODEL")):
        with pytest.raises(ModelError, match=variable) as caught:
            Models(Settings(embed_url=url, embed_model=model)).encoder()
        assert caught.value.remedy
    assert encoder_name(Settings(embed_url="http://u:p@host/v1", embed_model="bge")) == "bge at host"


def test_embeddings_index_and_cells_belong_to_the_encoder(server, tmp_path, tiny_corpus, tiny_lm):
    def resources(model):
        settings = Settings(embed_url=server.url, embed_model=model, embed_key=SecretStr(KEY), score_cutoff=0)
        models = TinyModels(settings, tiny_lm, Models(settings).encoder())
        return Resources(Workspace(tmp_path / "w"), models, settings)

    one, other = resources("tiny"), resources("another")
    list(pipeline.prepare_corpus(one.workspace, one.models, tiny_corpus, further=one.settings))
    assert one.workspace.manifest("embeddings").params["encoder"] == "tiny at 127.0.0.1"
    for method in ("rag", "cag"):
        found = answer(open_method(method, one), "Who built the lighthouse of Velm?")
        assert "p0" in {piece.passage_id for piece in found.evidence}
        with pytest.raises(ArtefactStale):
            open_method(method, other)
    text = "".join(path.read_text("utf-8", "ignore") for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in text and server.url in one.settings.embed_url


@pytest.fixture(scope="module")
def llama(tiny_lm, tmp_path_factory):
    """Address of llama.cpp's own server, started for embeddings: the mean of the tiny model's last hidden states."""
    params = llama_params(write_gguf(tiny_lm, tmp_path_factory.mktemp("gguf") / "tiny.gguf"), 256, KEY)
    params.embedding = True
    params.pooling_type = pytest.importorskip("xllamacpp").llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    with llama_server(params) as address:
        yield address


def test_llama_cpp_embeds(llama, tiny_lm, monkeypatch):
    monkeypatch.setattr(server_module, "RETRIES", 0)  # it calls a text that is too long its own error
    found = ServerEncoder(Server(llama, "tiny", 60, SecretStr(KEY), "TESSERA_EMBED"))
    assert found.dim == tiny_lm.model.config.hidden_size
    vectors = found.encode_passages(TEXTS)
    assert vectors.shape == (3, found.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.encode_query(TEXTS[1]), vectors[1], atol=1e-4)
    long = found.encode_passages(["glass lamp " * 500])  # more than the server reads at once
    assert long.shape == (1, found.dim) and found.count("glass lamp " * 500) > found.max_tokens > 0
    facts = probe_embedder(found.server).facts()
    assert facts["dim"] == found.dim and facts["round_trip_ms"] > 0 and -1 <= facts["far"] <= 1


def test_llama_cpp_without_a_key_is_refused(llama):
    with pytest.raises(ModelError, match="refused the key"):
        ServerEncoder(Server(llama, "tiny", 60, SecretStr("wrong"), "TESSERA_EMBED"))
