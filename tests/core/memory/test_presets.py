"""Presets name settings that exist, and two of them made the shipped memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import TesseraError
from core.memory.config import MemoryConfig
from core.memory.presets import load_preset, preset_names
from core.memory.shared_weights import SHAPES
from core.memory.store import read_card
from core.pipeline import SAMPLE_MEMORY


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_says_what_it_is_for(name: str) -> None:
    assert load_preset(name).about.endswith(".")


def test_the_shipped_memory_has_a_preset_and_so_have_the_defaults() -> None:
    first, second, third = (load_preset(f"shipped{name}").config for name in ("", "-second", "-third"))
    assert third == read_card(SAMPLE_MEMORY).config
    assert all(getattr(first, name) == getattr(second, name) for name in (*SHAPES, "m"))
    assert all(getattr(second, name) == getattr(third, name) for name in SHAPES if name != "z_dim")
    assert load_preset("laptop").config == MemoryConfig()


def test_the_preset_for_thousands_is_quantised() -> None:
    preset = load_preset("gpu-thousands")
    assert (preset.dtype, preset.config.m, preset.config.z_dim) == ("nf4", 4, 256)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("about: Mine.\nmemory:\n  m: 8\n  lr_z: 1\n")
    assert load_preset(str(path)).config == MemoryConfig(m=8, lr_z=1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("memory:\n  colour: 3\n", "colour"),
        ("memory:\n  m: many\n", "many"),
        ("memory:\n  m: 0\n", "m is 0"),
        ("memory:\n  steps: true\n", "True"),
        ("dtype: int3\n", "int3"),
        ("speed: fast\n", "speed"),
        ("- m\n", "table"),
        ("memory: [", "YAML"),
    ],
)
def test_what_is_wrong_in_it_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(TesseraError, match=says):
        load_preset(str(path))


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(TesseraError, match="laptop"):
        load_preset("supercomputer")


def test_the_preset_that_starts_from_the_shipped_memory_fits_it() -> None:
    preset, shipped = load_preset("at-once"), read_card(SAMPLE_MEMORY).config
    assert preset.start == "sample"
    form = (*SHAPES, "m", "vocabulary", "casings", "z_format")
    assert all(getattr(preset.config, name) == getattr(shipped, name) for name in form)


def test_the_first_memory_of_a_corpus_needs_no_step() -> None:
    config = load_preset("at-once").config
    assert (config.steps, config.router_steps) == (0, 0)
