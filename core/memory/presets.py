"""Training presets: YAML files that name a memory's settings, and the model they are meant for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import TesseraError
from core.memory.config import MemoryConfig
from core.settings import DTYPES, ROOT

FOLDER = ROOT / "assets" / "presets" / "memory"
_FIELDS = ("about", "model", "dtype", "start", "memory")


@dataclass(frozen=True)
class Preset:
    """What a preset asks for.

    Attributes:
        about: What it is for, in a sentence or two.
        model: The language model it is meant for; empty for the chosen one.
        dtype: Its number format; empty for the chosen one.
        start: The memory it starts from; empty starts from nothing.
        config: Settings of memory and training.
    """

    about: str
    model: str
    dtype: str
    start: str
    config: MemoryConfig


def preset_names() -> list[str]:
    """Names of the presets that come with Tessera."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_preset(name: str) -> Preset:
    """A preset by name, or from a YAML file.

    Raises:
        TesseraError: There is none, or it holds something that is no setting.
    """
    path = FOLDER / f"{name}.yaml"
    if name not in preset_names():
        path = Path(name)
        if path.suffix not in (".yaml", ".yml") or not path.is_file():
            raise TesseraError(
                f"There is no preset {name!r}.", f"Choose one of {', '.join(preset_names())}, or give a YAML file."
            )
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TesseraError(f"The preset {path.name} is no YAML ({error}).", "Correct the file.") from error
    return _parse(found, path.name)


def _parse(found: Any, name: str) -> Preset:
    if not isinstance(found, dict) or not isinstance(found.get("memory", {}), dict):
        raise TesseraError(f"The preset {name} is no table of settings.", "Write `memory:` and settings beneath it.")
    unknown = sorted(set(map(str, found)) - set(_FIELDS))
    if unknown:
        raise TesseraError(f"The preset {name} has no place for {unknown[0]!r}.", f"Use: {', '.join(_FIELDS)}.")
    dtype = str(found.get("dtype") or "")
    if dtype and dtype not in DTYPES:
        raise TesseraError(f"dtype is {dtype!r} in {name}.", f"Choose one of: {', '.join(DTYPES)}.")
    defaults = MemoryConfig().to_json()
    for key, value in found.get("memory", {}).items():
        if key in defaults and not _fits(value, defaults[key]):
            raise TesseraError(
                f"{key} is {value!r} in {name}.", f"Give a {type(defaults[key]).__name__}, such as {defaults[key]!r}."
            )
    config = MemoryConfig.from_json(found.get("memory", {}))
    about, model, start = (str(found.get(name) or "") for name in ("about", "model", "start"))
    return Preset(about, model, dtype, start, config)


def _fits(value: object, default: object) -> bool:
    """Whether a value is of its default's kind; true and false are numbers to Python, but not to a reader."""
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    return isinstance(value, (int, float) if isinstance(default, float) else type(default))
