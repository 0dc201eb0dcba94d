"""Reports of benchmarks: JSON files under ``runs/`` of a workspace, each measurement in place of the one before."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from core.errors import TesseraError
from core.manifest import write_atomically
from core.messages import message

Report = TypeVar("Report")


def write_report(path: Path, report: Any) -> None:
    """Writes a dataclass."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(asdict(report), indent=1).encode())


def read_report(path: Path, kind: type[Report]) -> Report | None:
    """The report that ``write_report`` wrote; None if there is none yet.

    Raises:
        TesseraError: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except ValidationError as error:
        why = message("{path} is damaged ({error}).", path=path, error=error.errors()[0]["msg"])
        raise TesseraError(why, "Delete it and measure again.") from error
