"""The commands around caches and routing, on the tiny models."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.cli.common import drive, open_resources
from core import pipeline
from core.models import registry
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.app.memory_by_owner import bench_memory
from tests.models import TinyModels

run = CliRunner().invoke


@pytest.fixture
def ws(tmp_path, monkeypatch, tiny_lm, tiny_encoder, tiny_corpus):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path))
    monkeypatch.setenv("TESSERA_MAX_NEW_TOKENS", "4")
    monkeypatch.setattr(registry, "Models", lambda settings: TinyModels(settings, tiny_lm, tiny_encoder))
    models = TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder)
    workspace = Workspace(tmp_path / "tiny")
    list(pipeline.prepare_corpus(workspace, models, tiny_corpus))
    list(pipeline.cluster(workspace, models, models.settings, PartitionConfig(auto_k=False, k=3)))
    return workspace


def told(*arguments):
    result = run(cli, [*arguments, "-w", "tiny", "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_caches_of_two_precisions_and_where_they_are(ws):
    own, small = told("cache"), told("cache", "--precision", "int4")
    assert (own["kind"], own["cells"], own["precision"], small["precision"]) == ("blocks", 11, "float32", "int4")
    assert small["bytes"] < own["bytes"] / 3
    status = told("status")
    assert sorted(entry["bytes"] for entry in status["caches"]) == [small["bytes"], own["bytes"]]
    assert {entry["reason"] for entry in status["caches"]} == {""}
    plain = run(cli, ["status", "-w", "tiny"])
    assert "int4" in plain.output and "in the workspace" in plain.output


def test_an_unknown_precision_is_a_sentence(ws):
    result = run(cli, ["cache", "-w", "tiny", "--precision", "int3"])
    assert result.exit_code == 1 and "int3" in result.output + result.stderr


def test_a_number_of_cells_is_met_exactly_and_otherwise_explained(ws):
    assert told("cluster", "--no-auto-k", "--k", "5")["cells"] == 5
    result = run(cli, ["cluster", "--no-auto-k", "--k", "40", "-w", "tiny"])
    assert "11 cells" in result.output and "no more than 11 different passages" in result.output


def test_routing_recall_by_cells_opened(ws):
    found = told("routing", "--split", "test")
    assert (found["questions"], found["cells"]) == (2, 3)
    assert [point["nprobe"] for point in found["points"]] == [1, 2, 3]
    assert found["points"][-1]["recall"] == 1
    assert [point["nprobe"] for point in found["searches"]] == [1, 2, 3] and (found["k"], found["default"]) == (3, 3)
    assert "1 question (dev), 3 cells" in run(cli, ["routing", "-w", "tiny"]).output


def test_the_precision_table(ws):
    found = told("precision", "--split", "test", "--n", "2", "--cells", "2")
    assert [row["precision"] for row in found["rows"]] == ["float32", "bfloat16", "fp8", "int8", "int4"]
    assert found["n"] == 2 and all(row["touched_ms"] > 0 and row["mapped_ms"] > 0 for row in found["rows"])
    plain = run(cli, ["precision", "-w", "tiny", "--split", "test", "--n", "1"])
    assert plain.exit_code == 0 and "int4" in plain.output and "errors against" in plain.output


def test_the_bench_of_caches(ws):
    arguments = ["bench", "cag", "-w", "tiny", "--repeats", "1", "--passages", "2", "--tokens", "2", "--no-llama-cpp"]
    found = told(*arguments[:2], *arguments[4:])
    assert {"no_cache", "rag", "plain_recipe", "hot", "warm", "blocks_hot", "blocks_warm"} <= set(found["setups"])
    assert {"blocks_hot_to_floor", "rag_to_blocks_hot"} <= set(found["ratios"])
    assert all({"ttft_ms", "total_ms"} <= set(setup) for setup in found["setups"].values())
    assert (found["n"], found["passages"], found["answer_tokens"]) == (1, 2, 2)
    plain = run(cli, arguments, env={"COLUMNS": "200"})
    assert plain.exit_code == 0 and "the floor" in plain.output and "hot_to_floor" in plain.output


def test_the_memory_of_a_process_by_owner_and_how_it_grows(ws):
    told("cache")
    found = drive(bench_memory(lambda: open_resources("tiny"), ("rag", "cag"), 3))
    assert list(found["owners"]) == ["Python", "torch", "other libraries", "encoder", "language model", "rag", "cag"]
    growth = found["growth"]
    assert [look["questions"] for look in growth] == [0, 1, 2, 3]
    assert all(look["resident"] > look["anonymous"] > 0 for look in growth)
    assert growth[0]["caches"] < growth[-1]["caches"] == found["held"]["KV caches"]
    for kind in ("threads", "open_files", "temporary_files"):
        assert growth[1][kind] == growth[-1][kind]
    assert growth[-1]["threads"] > 0 and growth[-1]["open_files"] > 0
