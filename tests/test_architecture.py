"""The house rules that a reader relies on: data flows pages -> app -> core, no page imports a page, no big files."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MEANT_TO_BE_LARGE = ("assets/",)
LIMIT = 250 * 1024
LADDER = [
    {"labs"},
    {"distributed"},
    {"evaluation"},
    {"methods"},
    {"revision"},
    {"pipeline", "removal"},
    {"voronoi", "kvcache", "memory", "reader", "stores"},
    {"models"},
    {"corpus"},
]
"""Rooms of core from the top floor down. A room imports rooms below it and the ground, never one beside or above it."""
GROUND = {
    "artefacts",
    "cost",
    "csv_safe",
    "digests",
    "errors",
    "fair_lock",
    "jobs",
    "jsonl",
    "manifest",
    "messages",
    "metrics",
    "normalise",
    "settings",
    "statistics",
    "swap",
    "trace",
    "units",
    "web",
    "workers",
    "workspace",
}
"""Modules that everybody may import, and that import each other alone."""


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
        ("core", {"app", "pages", "streamlit", "gradio", "plotly", "typer", "rich"}),
        ("app", {"pages"}),
        ("pages", {"pages"}),
    ],
)
def test_data_flows_one_way(room, forbidden):
    offenders = {str(path.relative_to(ROOT)): top_levels(path) & forbidden for path in modules(room)}
    assert modules(room)
    assert {path: names for path, names in offenders.items() if names} == {}


def core_modules() -> dict[str, Path]:
    names = {path: path.relative_to(ROOT).with_suffix("") for path in modules("core")}
    return {".".join(name.parts).removesuffix(".__init__"): path for path, name in names.items()}


def imports_within_core(path: Path, known: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found & known


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_of_core_has_a_floor():
    rooms = {room(name) for name in core_modules() if name != "core"}
    assert rooms <= set().union(*LADDER) | GROUND


def test_nobody_climbs_back():
    floors = {name: height for height, names in enumerate(reversed(LADDER), 1) for name in names}
    known = set(core_modules())
    climbs = [
        f"{name} -> {other}"
        for name, path in core_modules().items()
        for other in imports_within_core(path, known) - {"core"}
        if name != "core"
        and room(other) != room(name)
        and floors.get(room(other), 0) >= max(1, floors.get(room(name), 0))
    ]
    assert climbs == []


def test_no_two_files_import_each_other_in_a_circle():
    known = set(core_modules())
    edges = {name: imports_within_core(path, known) - {name} for name, path in core_modules().items()}

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(edges[start])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += edges[name]
        return seen

    assert [name for name in edges if name in reachable(name)] == []


@pytest.mark.parametrize("name", ["settings", "errors", "trace", "jobs", "workspace"])
def test_the_ground_floor_knows_no_torch(name):
    heavy = {"torch", "transformers", "faiss", "umap", "sentence_transformers", "numpy"}
    assert not top_levels(ROOT / "core" / f"{name}.py") & heavy


def test_nothing_unpickles():
    """But what comes through the pipe between the app and the process of a job: both ends are the app's own."""
    for room in ("core", "app", "pages"):
        for path in modules(room):
            text = path.read_text(encoding="utf-8")
            assert "torch.load(" not in text, path
            assert "pickle" not in top_levels(path) or path == ROOT / "app" / "job_process.py", path
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
