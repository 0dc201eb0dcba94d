"""Reference paths (``$.retrieval.passages[0]``) and payload templates with them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

_PATH = re.compile(r"\$(?:\.[A-Za-z_]\w*|\[\d+\])*")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")
Step = str | int


class PathMissing(Exception):
    """A path leads to nothing in the data at hand."""


def steps(path: str) -> list[Step]:
    """The steps of a reference path.

    Raises:
        ValueError: It is no path, or of a kind that is not known here (context objects, filters, intrinsic functions).
    """
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no reference path such as $.a.b[0]")
    return [name or int(number) for name, number in _STEP.findall(path)]


def get(data: Any, path: str) -> Any:
    """The value at a path.

    Raises:
        PathMissing: Nothing.
    """
    for step in steps(path):
        fits = isinstance(data, list) and step < len(data) if isinstance(step, int) else _has(data, step)
        if not fits:
            raise PathMissing(path)
        data = data[step]
    return data


def put(data: Any, path: str, value: Any) -> Any:
    """A copy of ``data`` with ``value`` at ``path``; objects on the way are made where they lack.

    Raises:
        PathMissing: The way leads through something that is no object.
    """
    names = steps(path)
    if not names:
        return value
    changed = copy.deepcopy(data)
    parent = changed
    for name in names[:-1]:
        if not isinstance(parent, dict) or isinstance(name, int):
            raise PathMissing(path)
        parent = parent.setdefault(name, {})
    if not isinstance(parent, dict) or isinstance(names[-1], int):
        raise PathMissing(path)
    parent[names[-1]] = value
    return changed


def fill(template: Any, data: Any) -> Any:
    """A payload template with every ``"name.$": path`` replaced by ``"name": what the path leads to``."""
    if isinstance(template, Mapping):
        return {
            name.removesuffix(".$"): get(data, value) if name.endswith(".$") else fill(value, data)
            for name, value in template.items()
        }
    return [fill(entry, data) for entry in template] if isinstance(template, list) else template


def _has(data: Any, name: Step) -> bool:
    return isinstance(data, Mapping) and name in data
