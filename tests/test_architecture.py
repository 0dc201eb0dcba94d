"""The house rules that a reader relies on: data flows pages -> app -> core, no page imports a page, no big files."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MEANT_TO_BE_LARGE = ("assets/",)
LIMIT = 250 * 1024


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def top_levels(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("core", {"app", "pages", "streamlit", "gradio", "typer", "rich"}),
        ("app", {"pages"}),
        ("pages", {"pages"}),
    ],
)
def test_data_flows_one_way(room, forbidden):
    offenders = {str(path.relative_to(ROOT)): top_levels(path) & forbidden for path in modules(room)}
    assert modules(room)
    assert {path: names for path, names in offenders.items() if names} == {}


@pytest.mark.parametrize("name", ["settings", "errors", "trace", "jobs", "workspace"])
def test_the_ground_floor_knows_no_torch(name):
    heavy = {"torch", "transformers", "faiss", "umap", "sentence_transformers", "numpy"}
    assert not top_levels(ROOT / "core" / f"{name}.py") & heavy


def test_nothing_unpickles():
    for room in ("core", "app", "pages"):
        for path in modules(room):
            text = path.read_text(encoding="utf-8")
            assert "torch.load(" not in text, path
            assert "pickle" not in top_levels(path), path
            assert "allow_pickle=True" not in text, path


def test_no_page_renders_html():
    for room in ("app", "pages"):
        for path in modules(room):
            assert "unsafe_allow_html=True" not in path.read_text(encoding="utf-8"), path


def test_tracked_files_are_small_unless_meant():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    large = [
        name
        for name in tracked
        if name
        and (ROOT / name).is_file()
        and (ROOT / name).stat().st_size > LIMIT
        and not name.startswith(MEANT_TO_BE_LARGE)
    ]
    assert large == []
