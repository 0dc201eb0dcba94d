"""Variants are trained equally long, one change at a time, and a second run starts nothing anew."""

import json
import os
from dataclasses import replace

import pytest

from core.errors import TesseraError
from core.labs import ablation
from core.labs.ablation import BASE, AblationPlan, ablate, ablation_folder, finished
from core.memory.config import MemoryConfig
from core.workspace import Workspace
from tests.core.methods.conftest import TINY_MEMORY, built, models, resources  # noqa: F401 (the same workspace)

PLAN = AblationPlan(("rank", "reading", "read-mode"), 1.0, 1, TINY_MEMORY, steps=2)


def test_one_thing_changes_at_a_time():
    variants = AblationPlan(("m", "init", "reading", "read-mode", "sentences")).variants()
    assert [variant.name for variant in variants] == [
        BASE, "m = 1", "m = 4", "m = 8", "m = 16", "init = noise", "read = cross",
        "kv, top 1", "prefix, top 2", "prefix, top 3",
        "sentences = 0", "sentences = 1", "sentences = 2", "sentences = 4",
    ]  # fmt: skip
    base = MemoryConfig().to_json()
    for variant in variants[1:7]:
        assert sum(base[name] != value for name, value in variant.config.to_json().items()) == 1


def test_vectors_that_name_words_are_tried_in_sizes_of_their_own():
    base = MemoryConfig(m=128, z_dim=16, vocabulary=True)
    names = [variant.name for variant in AblationPlan(("m", "z_dim", "loss"), base=base).variants()]
    assert names == [
        BASE, "m = 4", "m = 16", "m = 32", "m = 64", "m = 96", "z_dim = 2", "z_dim = 4", "z_dim = 8", "z_dim = 32",
        "recite = 0.0", "wrong = 0.0", "counterfactual = 0.1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "says"),
    [({"what": ("hat",)}, "hat"), ({"what": ()}, "nothing"), ({"minutes": 0}, "Minutes"), ({"questions": 0}, "above")],
)
def test_a_wrong_plan_is_refused(values, says):
    with pytest.raises(TesseraError, match=says):
        AblationPlan(**values)


def test_a_table_side_by_side_that_goes_on_where_it_stopped(resources, tmp_path, monkeypatch):  # noqa: F811
    work = ablate(resources, tmp_path, PLAN)
    for progress in work:
        if progress.data.get("rows") and len(progress.data["rows"]) == 2:
            work.close()
    trained = []
    train = ablation.pipeline.train

    def counted(ws, loaded, config, start):
        trained.append(config.lora_r)
        return train(ws, loaded, config, start=start)

    monkeypatch.setattr(ablation.pipeline, "train", counted)
    rows = list(ablate(resources, tmp_path, PLAN))[-1].data["rows"]
    assert [row["variant"] for row in rows] == [
        BASE, "lora_r = 8", "lora_r = 32", "lora_r = 64", "read = cross",
        "kv, top 1", "prefix, top 2", "prefix, top 3",
    ]  # fmt: skip
    assert trained == [32, 64, 2]
    assert all(row["steps"] == 2 and row["n_questions"] == 1 for row in rows)
    base, kept = rows[0], rows[5]
    assert (kept["rouge_l"], kept["shuffled"]["rouge_l"]) == (base["rouge_l"], base["shuffled"]["rouge_l"])
    assert kept["kv_bytes"] > 0 == base["kv_bytes"]
    trained.clear()
    assert list(ablate(resources, tmp_path, PLAN))[-1].data["rows"] == rows and not trained


def test_minutes_become_steps_once(resources, tmp_path):  # noqa: F811
    plan = AblationPlan(("rank",), 0.02, 1, TINY_MEMORY)
    (tmp_path / ablation.STEPS).write_text('{"steps": 1}')
    rows = list(ablate(resources, tmp_path, plan))[-1].data["rows"]
    assert {row["steps"] for row in rows} == {1}
    fresh = tmp_path / "fresh"
    work = ablate(resources, fresh, plan)
    for progress in work:
        if not progress.stage.startswith("Timing"):
            work.close()
    assert (fresh / ablation.STEPS).is_file()


def test_the_last_table_is_found_again(tmp_path):
    ws = Workspace(tmp_path)
    assert finished(ws) == []
    for age, (folder, name) in enumerate((("old", "x"), ("new", "base"), ("new", "m = 4"))):
        path = tmp_path / "ablation" / folder / name / ablation.RESULT
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"variant": name}))
        os.utime(path, (age, age))
    assert [row["variant"] for row in finished(ws)] == ["base", "m = 4"]


def test_another_plan_is_another_folder(resources):  # noqa: F811
    folder = ablation_folder(resources, PLAN)
    assert folder == ablation_folder(resources, PLAN)
    assert folder != ablation_folder(resources, AblationPlan(("rank",), 1.0, 2, TINY_MEMORY, steps=2))


def test_first_memories_of_several_sizes_need_no_step(resources, tmp_path, monkeypatch):  # noqa: F811
    base = replace(TINY_MEMORY, steps=0)
    given = []

    def train(ws, loaded, config, start=""):
        given.append((config.m, config.steps, start))
        return iter(())

    monkeypatch.setattr(ablation.pipeline, "train", train)
    plan = AblationPlan(("m",), 1.0, 1, base, start="sample")
    with pytest.raises(TesseraError):  # nothing was trained, so there is nothing to measure
        list(ablate(resources, tmp_path, plan))
    assert given == [(base.m, 0, "sample")]
    assert ablation_folder(resources, plan) != ablation_folder(resources, replace(plan, start=""))
