"""Builds on a cluster: the bytes of one machine, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from core import pipeline
from core.distributed.workers import ray_workers
from core.errors import ModelError, TesseraError, WorkspaceBusy
from core.evaluation.harness import evaluate
from core.evaluation.questions import from_split
from core.evaluation.runs import ANSWERS_FILE, plan_run, read_run, run_folder
from core.evaluation.variants import parse_variants
from core.jobs import finish
from core.jsonl import read
from core.kvcache.variants import BLOCKS, list_variants
from core.methods.resources import Resources
from core.models.registry import Models
from core.workers import Computed
from core.workspace import Workspace
from tests.models import tiny_language_model
from tests.torture.workshop import snapshot


@pytest.fixture()
def single(environment, corpus_folder, tmp_path):
    """A workspace built without Ray: what every other build must be equal to."""
    ws, models = Workspace(tmp_path / "workspaces" / "single"), Models(environment)
    finish(pipeline.prepare(ws, models, str(corpus_folder)))
    finish(pipeline.blocks(ws, models, environment))
    return snapshot(ws.path)


@pytest.fixture()
def on_cluster(cluster, environment):
    return replace(environment, ray_address=cluster.address)


@pytest.fixture()
def prepared(environment, corpus_folder, tmp_path):
    ws = Workspace(tmp_path / "workspaces" / "many")
    finish(pipeline.prepare(ws, Models(environment), str(corpus_folder)))
    return ws


def test_a_cluster_builds_the_bytes_of_one_machine(on_cluster, environment, single, corpus_folder, tmp_path):
    ws, models = Workspace(tmp_path / "many"), Models(environment)
    with ray_workers(on_cluster) as workers:
        finish(pipeline.prepare(ws, models, str(corpus_folder), workers=workers))
        embedded = sum(workers.done.values())
        for _ in pipeline.blocks(ws, models, environment, workers=workers):
            with pytest.raises(WorkspaceBusy):  # a second driver
                finish(pipeline.blocks(Workspace(ws.path), models, environment))
        assert snapshot(ws.path) == single
        assert 0 < embedded < sum(workers.done.values()) and len(workers.done) == 3
        again = sum(workers.done.values())
        finish(pipeline.blocks(ws, models, environment, workers=workers))
        assert sum(workers.done.values()) == again  # nothing was missing


def test_a_killed_node_costs_a_shard_and_no_byte(cluster, on_cluster, environment, single, prepared):
    with ray_workers(on_cluster) as workers:
        for step in pipeline.blocks(prepared, Models(environment), environment, workers=workers):
            if len(cluster) == 3 and step.done and step.done < step.total:
                cluster.kill_one()
    assert len(cluster) == 2 and snapshot(prepared.path) == single


def test_a_killed_driver_goes_on_to_the_same_bytes(cluster, environment, single, prepared):
    command = [sys.executable, "-m", "app", "cache", "--workspace", str(prepared.path)]
    driver = subprocess.Popen(command, env=os.environ | {"RAY_ADDRESS": cluster.address}, stderr=subprocess.PIPE)
    folder = prepared.folder(BLOCKS)
    while driver.poll() is None and len(list(folder.glob("*/cell-*"))) < 50:
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL
    (half,) = list_variants(prepared, BLOCKS)
    assert half.manifest is None
    done = subprocess.run(command, env=os.environ | {"RAY_ADDRESS": cluster.address}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "not in parallel" in done.stderr
    assert snapshot(prepared.path) == single


def test_storage_that_refuses_is_a_sentence_and_the_next_run_goes_on(
    on_cluster, environment, single, prepared, tmp_path, monkeypatch, impatient
):
    del single
    with flaky_s3(monkeypatch) as (url, stop, start), ray_workers(on_cluster) as workers:
        settings, models, stopped = replace(environment, cache_url=url), Models(environment), False
        with pytest.raises(TesseraError, match="refuses"):
            for step in pipeline.blocks(prepared, models, settings, workers=workers):
                if step.done and not stopped:
                    stop()
                    stopped = True
        start()
        finish(pipeline.blocks(prepared, models, settings, workers=workers))
        (there,) = list_variants(prepared, BLOCKS)
        (here,) = list_variants(Workspace(tmp_path / "workspaces" / "single"), BLOCKS)
        sums = [[entry.sha256 for entry in variant.store().index().cells.values()] for variant in (there, here)]
        assert there.location.startswith("s3://") and sums[0] == sums[1]


@contextmanager
def flaky_s3(monkeypatch) -> Iterator[tuple]:
    """A bucket, and two functions that stop its server and start it again at the same address."""
    from moto.server import ThreadedMotoServer

    from tests.s3 import S3

    servers = [ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)]
    servers[0].start()
    host, port = servers[0].get_host_and_port()
    s3 = S3(f"http://{host}:{port}").with_bucket()
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)

    def start():
        servers.append(ThreadedMotoServer(ip_address=host, port=port, verbose=False))
        servers[-1].start()

    yield f"{s3.url}/kv", lambda: servers[-1].stop(), start
    servers[-1].stop()


def test_another_model_on_a_worker_is_refused(on_cluster, environment, prepared, tmp_path, monkeypatch):
    other = tiny_language_model(seed=1)
    other.model.save_pretrained(tmp_path / "other")
    other.tokenizer.save_pretrained(tmp_path / "other")
    other_workers = ray_workers(replace(on_cluster, model=str(tmp_path / "other")))
    with other_workers as workers, pytest.raises(ModelError, match="another model"):
        finish(pipeline.blocks(prepared, Models(environment), environment, workers=workers))


def die_over_three(models, shard):
    if shard == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return shard


def test_a_shard_that_kills_its_workers_is_said_and_not_tried_for_ever(on_cluster):
    done = []
    with ray_workers(on_cluster) as workers, pytest.raises(TesseraError, match="over the same shard"):
        done += [step.number for step in workers.compute(die_over_three, range(6)) if isinstance(step, Computed)]


def test_workers_give_the_answers_of_one_machine_and_an_evaluation_goes_on(
    on_cluster, environment, tiny_corpus, tmp_path
):
    ws, models = Workspace(tmp_path / "workspaces" / "asked"), Models(environment)
    finish(pipeline.prepare_corpus(ws, models, tiny_corpus))
    resources, questions = Resources(ws, models, environment), from_split(tiny_corpus, "train")
    variants = parse_variants("rag,closed-book")
    alone, many = (plan_run(variants, questions, None, 0, on_ray) for on_ray in (False, True))
    finish(evaluate(resources, alone))
    with ray_workers(on_cluster) as workers:
        work = evaluate(resources, many, workers=workers)
        next(step for step in work if "total_ms" in step.data)
        work.close()
        finish(evaluate(resources, many, workers=workers))
    folders = [run_folder(resources, plan) for plan in (alone, many)]
    rows = [
        {(row["method"], row["question_id"]): row["answer"] for row in read(folder / ANSWERS_FILE)}
        for folder in folders
    ]
    assert rows[0] == rows[1] and len(rows[0]) == 2 * len(questions.questions)
    assert len(list(read(folders[1] / ANSWERS_FILE))) == len(rows[1])  # nothing was asked twice
    assert read_run(folders[1])["machine"]["device"].endswith("on Ray") and folders[0] != folders[1]
