"""Finds in the code what is shown to people: the keys of the tables of words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SHOWN = {"t": 1, "tn": 3, "said": 1}
"""Functions whose first arguments are keys; of ``tn`` the second and third."""


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """All modules of some folders of the repository, parsed."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def translated() -> dict[str, Path]:
    """Texts given to ``t``, ``tn`` and ``said`` as they stand, each with a module that does so."""
    found: dict[str, Path] = {}
    for path, tree in modules("app", "pages", "core"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SHOWN:
                for text in _texts(node.args[: SHOWN[node.func.id]]):
                    found.setdefault(text, path)
    return found


def constants() -> set[str]:
    """Every text that stands in the code, whatever becomes of it."""
    return {
        node.value
        for _, tree in modules("app", "pages", "core")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _texts(arguments: list[ast.expr]) -> Iterator[str]:
    for argument in arguments:
        for node in [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
