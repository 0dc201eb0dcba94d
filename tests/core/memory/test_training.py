"""Training lowers both losses, resumes to the same bits, and refuses a checkpoint of another run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.corpus.types import Corpus
from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.manifest import MANIFEST
from core.memory.checkpoint import CHECKPOINT, EARLIER
from core.memory.config import MemoryConfig
from core.memory.evidence_trainer import EvidenceTrainer, schedule
from core.memory.model import Memory
from core.memory.store import FILES, load_parts, load_pool, read_card
from core.memory.training import EVIDENCE_STAGE, train_memory
from core.models.language_model import LanguageModel
from tests.models import tiny_language_model


def run(lm: LanguageModel, corpus: Corpus, folder: Path, config: MemoryConfig, **options: Any) -> list[dict[str, Any]]:
    return [dict(progress.data) for progress in train_memory(lm, corpus, folder, config, **options) if progress.data]


def test_both_losses_fall(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    config = replace(small_config, steps=40, lr_lora=1e-2, router_steps=60)
    history = run(tiny_lm, tiny_corpus, tmp_path, config)
    reading = [data["read_loss"] for data in history if "read_loss" in data]
    routing = [data["routing_loss"] for data in history if "routing_loss" in data]
    assert sum(reading[-5:]) < 0.9 * sum(reading[:5])
    assert routing[-1] < 0.9 * routing[0]


def test_held_out_figures_stand_beside_the_losses(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    history = run(tiny_lm, tiny_corpus, tmp_path, small_config)
    looks = [data["step"] for data in history if "held_out_loss" in data]
    assert looks == [6, 12]
    assert "held_out_recall_at_1" in history[-1]
    assert read_card(tmp_path).training["held_out_recall_at_1"] == history[-1]["held_out_recall_at_1"]


def test_a_resumed_run_is_the_uninterrupted_one(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    straight = run(tiny_lm, tiny_corpus, whole, small_config)
    first: list[dict[str, Any]] = []
    work = train_memory(tiny_lm, tiny_corpus, broken, small_config)
    for progress in work:
        if progress.data:
            first.append(dict(progress.data))
        if progress.stage == EVIDENCE_STAGE and progress.done == 11:  # after which no kind of example need come again
            work.close()
    assert (broken / CHECKPOINT).is_file()
    assert first + run(tiny_lm, tiny_corpus, broken, small_config, resume=True) == straight
    assert torch.equal(load_pool(whole).z, load_pool(broken).z)
    for ours, theirs in zip(load_parts(whole), load_parts(broken), strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    ours, theirs = ({**read_card(folder).training, "train_s": 0} for folder in (whole, broken))
    assert ours == theirs and ours["step"] == small_config.steps
    assert run(tiny_lm, tiny_corpus, broken, small_config, resume=True) == []  # it is complete: nothing is done again


@pytest.mark.parametrize(
    "cut",
    [
        lambda data: data[:4],
        lambda data: b"x" * 8 + data[8:],
        lambda data: data[:-9] + bytes([data[-9] ^ 64]) + data[-8:],
    ],
)
def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(
    cut: Any, tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(tiny_lm, tiny_corpus, whole, small_config)
    work = train_memory(tiny_lm, tiny_corpus, broken, small_config)
    for progress in work:
        if progress.stage == EVIDENCE_STAGE and progress.done == 11:
            work.close()
    (broken / CHECKPOINT).write_bytes(cut((broken / CHECKPOINT).read_bytes()))
    again = run(tiny_lm, tiny_corpus, broken, small_config, resume=True)
    assert again[0]["step"] == 2 * small_config.checkpoint_every + 1
    assert torch.equal(load_pool(whole).z, load_pool(broken).z)
    (broken / MANIFEST).unlink()
    for name in (CHECKPOINT, EARLIER):
        (broken / name).write_bytes(cut((broken / name).read_bytes()))
    with pytest.raises(ArtefactStale, match="is damaged") as refusal:
        run(tiny_lm, tiny_corpus, broken, small_config, resume=True)
    assert "copy" in refusal.value.remedy


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_memory_is_refused_whatever_the_damage(
    name: str, tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    run(tiny_lm, tiny_corpus, tmp_path, small_config)
    content = (tmp_path / name).read_bytes()
    for at in (0, 12, len(content) // 2, len(content) - 1):
        (tmp_path / name).write_bytes(content[:at] + bytes([content[at] ^ 64]) + content[at + 1 :])
        with pytest.raises(ArtefactStale, match=name):
            Memory.load(tmp_path, tiny_lm)
    (tmp_path / name).write_bytes(content)
    assert len(Memory.load(tmp_path, tiny_lm).pool.ids) == len(tiny_corpus.passages)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_header_is_a_sentence_where_there_is_no_manifest(
    name: str, tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    run(tiny_lm, tiny_corpus, tmp_path, small_config)
    (tmp_path / MANIFEST).unlink()
    content = (tmp_path / name).read_bytes()
    refused = 0
    for at in range(0, min(len(content), 600), 7):
        (tmp_path / name).write_bytes(content[:at] + bytes([content[at] ^ 2]) + content[at + 1 :])
        try:
            Memory.load(tmp_path, tiny_lm)
        except TesseraError:
            refused += 1
    assert refused


def test_a_killed_run_goes_on_from_its_last_checkpoint_along_the_same_curve(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    whole, killed, revived = tmp_path / "whole", tmp_path / "killed", tmp_path / "revived"
    straight = run(tiny_lm, tiny_corpus, whole, small_config)
    work = train_memory(tiny_lm, tiny_corpus, killed, small_config)
    for progress in work:
        if progress.stage == EVIDENCE_STAGE and progress.done == 8:
            shutil.copytree(killed, revived)  # what a kill -9 leaves: the checkpoint of step 5, and no farewell
            break
    again = run(tiny_lm, tiny_corpus, revived, small_config, resume=True)
    assert again[0]["step"] == small_config.checkpoint_every + 1
    assert again == straight[small_config.checkpoint_every :]
    assert torch.equal(load_pool(whole).z, load_pool(revived).z)


def test_where_z_starts_is_a_setting(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    first = {}
    for init in ("document", "noise"):
        config = replace(small_config, init=init, steps=1, router_steps=1)
        run(tiny_lm, tiny_corpus, tmp_path / init, config)
        first[init] = load_pool(tmp_path / init).z
    assert not torch.allclose(first["document"], first["noise"], atol=0.1)


def test_the_plain_model_is_left_alone(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    before = {name: tensor.clone() for name, tensor in tiny_lm.model.state_dict().items()}
    run(tiny_lm, tiny_corpus, tmp_path, small_config)
    after = tiny_lm.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_checkpoint_of_another_run_is_refused(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    work = train_memory(tiny_lm, tiny_corpus, tmp_path, small_config)
    for progress in work:
        if progress.stage == EVIDENCE_STAGE and progress.done == 2:
            work.close()
    with pytest.raises(ArtefactStale, match="another corpus, model or settings"):
        run(tiny_lm, tiny_corpus, tmp_path, replace(small_config, seed=1), resume=True)
    with pytest.raises(ArtefactStale):
        run(tiny_language_model(seed=5), tiny_corpus, tmp_path, small_config, resume=True)


def test_resuming_nothing_says_so(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    with pytest.raises(ArtefactMissing, match="no unfinished training"):
        run(tiny_lm, tiny_corpus, tmp_path, small_config, resume=True)


def test_an_empty_corpus_is_refused(tiny_lm: LanguageModel, small_config: MemoryConfig, tmp_path: Path) -> None:
    with pytest.raises(TesseraError, match="no passage"):
        run(tiny_lm, Corpus("empty", (), {}), tmp_path, small_config)


def test_rates_rise_and_fall() -> None:
    factors = [schedule(step, 100, 0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[10] == 1.0
    assert factors[-1] == pytest.approx(0.02, abs=0.01)


def test_earlier_sittings_count(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path, monkeypatch
) -> None:
    clock = [40.0]
    monkeypatch.setattr("core.jobs.time.perf_counter", lambda: clock[0])
    first = EvidenceTrainer(tiny_lm, tiny_corpus, None, small_config)
    clock[0] = 100.0
    first.save_checkpoint(tmp_path, 1, "run")
    clock[0] = 500.0
    second = EvidenceTrainer(tiny_lm, tiny_corpus, None, small_config)
    second.restore(tmp_path, "run")
    clock[0] = 510.0
    assert second.seconds() == 70.0
