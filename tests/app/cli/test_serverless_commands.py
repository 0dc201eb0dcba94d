"""``bench serverless``, ``index-serverless`` and ``serve-local``: sentences and exit codes, and a server that stops."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from typer.testing import CliRunner

from app.cli import cli
from core import pipeline
from core.models.registry import Models
from core.settings import ROOT, Settings
from core.workspace import Workspace
from tests.models import TinyModels

run = CliRunner().invoke


@pytest.fixture
def prepared(tmp_path, monkeypatch, tiny_corpus, tiny_encoder, tiny_lm):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path))
    ws = Workspace(tmp_path / "tiny")
    for _ in pipeline.prepare_corpus(ws, TinyModels(Settings(), tiny_lm, tiny_encoder), tiny_corpus):
        pass
    return ws


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bench", "serverless", "-w", "none"], "prepare"),
        (["bench", "serverless", "--sizes", "many"], "whole numbers"),
        (["bench", "serverless", "--sizes", "400,20"], "smallest first"),
        (["bench", "serverless", "--rate-from", "9", "--rate-to", "3"], "rate"),
        (["bench", "serverless", "--seconds", "0"], "--seconds"),
        (["bench", "serverless", "--stage", "all"], "pipeline"),
        (["index-serverless", "--url", "x", "-w", "none"], "prepare"),
        (["index-serverless", "--url", "x", "--kind", "tree"], "ivf-hnsw-sq"),
    ],
)
def test_what_a_person_gets_wrong_is_a_sentence_and_exit_code_1(prepared, arguments, says):
    result = run(cli, [*arguments, "--json"])
    assert result.exit_code == 1, result.output
    failure = json.loads(result.stdout)
    assert set(failure) == {"error", "remedy"} and says in f"{failure['error']} {failure['remedy']}"


def test_serve_local_wants_something_to_serve(prepared):
    for arguments, says in ((["-w", "none"], "prepare"), (["-w", "tiny", "--index", "tree"], "ivf-hnsw-sq")):
        result = run(cli, ["serve-local", *arguments])
        assert result.exit_code == 1 and says in result.stderr


def test_an_index_is_put_where_it_was_wanted(prepared, tmp_path):
    result = run(cli, ["index-serverless", "-w", "tiny", "--url", str(tmp_path / "index"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["passages"] == 11


def test_serve_local_answers_and_stops_in_order(prepared):
    command = [sys.executable, "-m", "app", "serve-local", "-w", "tiny", "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        line = next(line for line in server.stderr if "http://" in line)
        address = line[line.index("http://") :].split()[0].rstrip(".")
        with urllib.request.urlopen(f"{address}/health", timeout=60) as reply:
            assert json.loads(reply.read()) == {"status": "ok", "workers": 0}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/ask", b"{", timeout=60)
        assert refused.value.code == 400
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        server.stderr.close()


@pytest.mark.real
def test_the_default_models_answer_through_every_route_and_leave_no_process(tmp_path, tiny_corpus):
    from core.labs.serverless.serving import serving

    ws = Workspace(tmp_path / "real")
    for _ in pipeline.prepare_corpus(ws, Models(Settings.from_environment()), tiny_corpus):
        pass
    question = {"question": "Who planted the pear orchard?", "k": 2}

    def post(path, content):
        request = urllib.request.Request(front.address + path, json.dumps(content).encode())
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.loads(reply.read())

    with serving(ws, "flat", None, 0, 1) as front:
        found = post("/retrieve", question)
        assert "Tess Quill" in found["passages"][0]["text"]
        said = post("/generate", {"question": question["question"], "passages": found["passages"]})
        assert "Tess Quill" in said["answer"]
        assert "Tess Quill" in post("/orchestrate", question)["answer"]
        asked = post("/ask", question)
        assert asked["status"] == "SUCCEEDED" and "Tess Quill" in json.loads(asked["output"])["answer"]
        pids = front.cloud.pids()
        assert len(pids) == 3
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
