"""Finds in the code what is shown to people: the keys of the tables of words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FRONT = {"t": 1, "tn": 3}
"""Functions of the app whose first arguments are keys; of ``tn`` the second and third."""
CORE = {"message": 1, "Message": 1}
"""The same of core."""


@cache
def modules(*folders: str) -> tuple[tuple[Path, ast.Module], ...]:
    """All modules of some folders of the repository, parsed."""
    return tuple(
        (path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8")))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    )


@cache
def translated() -> dict[str, Path]:
    """Texts given to ``t``, ``tn`` and ``said`` as they stand, each with a module that does so."""
    found: dict[str, Path] = {}
    for path, tree in modules("app", "pages", "core"):
        shown = {**FRONT, **CORE} if _imports(tree, "core.messages") else FRONT
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in shown:
                for text in _texts(node.args[: shown[node.func.id]]):
                    found.setdefault(text, path)
    return found


@cache
def constants() -> set[str]:
    """Every text that stands in the code, whatever becomes of it."""
    return {
        node.value
        for _, tree in modules("app", "pages", "core")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@cache
def stages() -> dict[str, Path]:
    """Stages of long work that stand in the code or in a constant of its module, each with a module that reports it."""
    found: dict[str, Path] = {}
    for path, tree in modules("app", "core"):
        named = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Progress"
                and node.args
            ):
                stage = node.args[0]
                stage = named.get(stage.id, stage) if isinstance(stage, ast.Name) else stage
                for text in _texts([stage]):
                    found.setdefault(text, path)
    return found


def _imports(tree: ast.Module, module: str) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.module == module for node in ast.walk(tree))


def _texts(arguments: list[ast.expr]) -> Iterator[str]:
    for argument in arguments:
        for node in [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
