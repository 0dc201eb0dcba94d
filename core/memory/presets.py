"""Training presets: YAML files with a memory's settings and the model they are meant for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import TesseraError
from core.memory.config import MemoryConfig
from core.messages import message
from core.settings import DTYPES, ROOT

FOLDER = ROOT / "assets" / "presets" / "memory"
_FIELDS = ("about", "model", "dtype", "start", "memory")


@dataclass(frozen=True)
class Preset:
    """The content of a preset.

    Attributes:
        model: The language model it is meant for; empty for the chosen one.
        dtype: Its number format; empty for the chosen one.
        start: The memory it starts from; empty starts from nothing.
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
                message("There is no preset {name}.", name=repr(name)),
                message("Choose one of {names}, or give a YAML file.", names=", ".join(preset_names())),
            )
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TesseraError(
            message("The preset {name} is no YAML ({error}).", name=path.name, error=error), "Correct the file."
        ) from error
    return _parse(document, path.name)


def _parse(document: Any, name: str) -> Preset:
    if not isinstance(document, dict) or not isinstance(document.get("memory", {}), dict):
        raise TesseraError(
            message("The preset {name} is no table of settings.", name=name), "Write `memory:` and settings beneath it."
        )
    unknown = sorted(set(map(str, document)) - set(_FIELDS))
    if unknown:
        raise TesseraError(
            message("The preset {name} has an unknown field {field}.", name=name, field=repr(unknown[0])),
            message("Use: {names}.", names=", ".join(_FIELDS)),
        )
    about, model, dtype, start = (str(document.get(field) or "") for field in _FIELDS[:-1])
    if dtype and dtype not in DTYPES:
        raise TesseraError(
            message("{key} is {value} in {name}.", key="dtype", value=repr(dtype), name=name),
            message("Choose one of: {names}.", names=", ".join(DTYPES)),
        )
    settings, defaults = document.get("memory", {}), MemoryConfig().to_json()
    for key, value in settings.items():
        if key in defaults and not _fits(value, defaults[key]):
            raise TesseraError(
                message("{key} is {value} in {name}.", key=key, value=repr(value), name=name),
                message(
                    "Give a {kind}, such as {example}.", kind=type(defaults[key]).__name__, example=repr(defaults[key])
                ),
            )
    return Preset(about, model, dtype, start, MemoryConfig.from_json(settings))


def _fits(value: object, default: object) -> bool:
    """Whether a value is of its default's kind; true and false are numbers to Python, but not to a reader."""
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    return isinstance(value, (int, float) if isinstance(default, float) else type(default))
