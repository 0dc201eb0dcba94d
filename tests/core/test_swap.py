"""Whatever is killed, and whoever looks: there is the old folder or the new one, whole."""

import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from core import swap
from core.workspace import Workspace, open_workspace

ROOT = Path(__file__).resolve().parents[2]
BUILD = textwrap.dedent("""
    import sys
    from pathlib import Path
    from core import swap
    from core.workspace import Workspace
    if sys.argv[2] == "renames":
        swap._exchanged = lambda one, other: False
    print("ready", flush=True)
    ws, number = Workspace(Path(sys.argv[1])), 0
    while True:
        number += 1
        with ws.write("memory", {}, {"number": number}) as folder:
            for name in "ab":
                (folder / name).write_text(str(number) * 1000)
""")
WAYS = ["exchange", "renames"]


def build(path, way):
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(path), way], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def content(folder):
    return tuple((folder / name).read_text() for name in "ab")


@pytest.mark.parametrize("way", WAYS)
def test_readers_see_one_build_or_the_other(tmp_path, way):
    ws = Workspace(tmp_path / "ws")
    process = build(ws.path, way)
    try:
        while ws.state("memory").status == "missing":
            time.sleep(0.01)
        seen, until = set(), time.monotonic() + 60
        while len(seen) < 20 and time.monotonic() < until:
            one, other = ws.read("memory", content)
            assert one == other
            seen.add(one)
        assert len(seen) >= 20
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("way", WAYS)
def test_a_kill_loses_nothing_and_leaves_nothing(tmp_path, way):
    draw, path = random.Random(0), tmp_path / "ws"
    for _ in range(12):
        process = build(path, way)
        time.sleep(0.05 + 0.1 * draw.random())
        process.send_signal(signal.SIGKILL)
        process.wait()
        ws = open_workspace(str(path), tmp_path)
        assert [entry.name for entry in path.iterdir() if entry.is_dir()] == ["memory"]
        one, other = ws.read("memory", content)
        assert one == other


@pytest.mark.parametrize("kind", ["memory", "index", "index-faiss-ivf"])
def test_what_an_interrupted_swap_put_aside_is_found_and_put_back(tmp_path, kind):
    ws = Workspace(tmp_path / "ws")
    with ws.write(kind, {}, {}) as folder:
        (folder / "a").write_text("hours of work")
    scratch = ws.path / f".{kind}-x1y2z3_4"
    (scratch / kind).mkdir(parents=True)
    ws.folder(kind).rename(scratch / "old")
    assert ws.state(kind).status == "ready"
    assert (ws.require(kind) / "a").read_text() == "hours of work"
    ws = open_workspace(str(ws.path), tmp_path)
    assert (ws.folder(kind) / "a").read_text() == "hours of work"
    assert not list(ws.path.glob(".*-*"))


def test_a_new_folder_that_has_its_name_already_is_kept(tmp_path):
    ws = Workspace(tmp_path / "ws")
    with ws.write("memory", {}, {}) as folder:
        (folder / "a").write_text("new")
    (ws.path / ".memory-x1y2z3_4" / "old").mkdir(parents=True)
    ws.settle()
    assert (ws.require("memory") / "a").read_text() == "new"
    assert not list(ws.path.glob(".*-*"))


def test_what_killed_writers_left_is_swept_under_the_lock_alone(tmp_path):
    ws = Workspace(tmp_path / "ws")
    left = ["caches/tiny/.tmpAb12Cd", "caches/tiny/.cell-x1y2z3_4", "training/.checkpoint.safetensors-x1y2z3_4"]
    kept = ["caches/tiny/cell-1.safetensors", "runs/eval-1/.run.json-x1y2z3_4", ".feedback.jsonl.lock"]
    for name in (*left, *kept):
        (ws.path / name).parent.mkdir(parents=True, exist_ok=True)
        (ws.path / name).write_text("x")
    with ws.lock():
        (ws.path / left[0]).write_text("x")
        open_workspace(str(ws.path), tmp_path)
        assert (ws.path / left[0]).exists()
    open_workspace(str(ws.path), tmp_path)
    assert not any((ws.path / name).exists() for name in left)
    assert all((ws.path / name).exists() for name in kept)


def test_a_reader_of_what_was_put_aside_never_finds_it_half_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(swap, "_exchanged", lambda one, other: False)
    ws, aside, real = Workspace(tmp_path / "ws"), [], Path.replace
    with ws.write("memory", {}, {}) as folder:
        (folder / "a").write_text("old")

    def look_between_the_renames(path, new):
        if not ws.folder("memory").exists():
            aside.append(swap.current(ws.folder("memory")))
            assert ws.read("memory", lambda folder: (folder / "a").read_text()) == "old"
        return real(path, new)

    def half_removed(old):
        (old / "a").unlink()
        assert ws.state_of(aside[0], "memory").status == "missing"  # and not damaged: ``state`` looks again

    monkeypatch.setattr(Path, "replace", look_between_the_renames)
    with ws.write("memory", {}, {}, discard=half_removed) as folder:
        (folder / "a").write_text("new")
    assert len(aside) == 1
    assert ws.read("memory", lambda folder: (folder / "a").read_text()) == "new"


def test_a_swap_that_the_disk_refuses_leaves_the_old_one(tmp_path, monkeypatch):
    monkeypatch.setattr(swap, "_exchanged", lambda one, other: False)
    target, scratch = tmp_path / "memory", tmp_path / ".memory-x1y2z3_4"
    for folder in (target, scratch / "memory"):
        folder.mkdir(parents=True)
    (target / "a").write_text("old")
    real, calls = Path.replace, []

    def refuse(path, new):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        return real(path, new)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="Input/output"):
        swap.install(scratch / "memory", target)
    assert (target / "a").read_text() == "old"


def test_a_folder_is_taken_away_in_one_step(tmp_path, monkeypatch):
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "a").write_text("x")
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: pytest.fail("it is still under its name"))
    with swap.scratch_for(tmp_path / "training") as scratch:
        (tmp_path / "training").replace(scratch / "training")
        assert not (tmp_path / "training").exists()
        monkeypatch.undo()
