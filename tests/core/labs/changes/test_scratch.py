"""A throw-away copy: what is done to it never reaches the workspace."""

import os

import pytest

from core.labs.changes.scratch import PREFIX, copy_of, throwaway_folder
from core.workspace import Workspace


@pytest.fixture
def ws(tmp_path):
    ws = Workspace(tmp_path / "ws")
    cells = ws.path / "caches" / "tiny"
    cells.mkdir(parents=True)
    (cells / "cell-a.safetensors").write_bytes(b"keys")
    (cells / "cells.json").write_text("{}")
    (cells / ".half-written").write_text("x")
    (ws.path / "memory").mkdir()
    (ws.path / "memory" / "pool.safetensors").write_bytes(b"z")
    return ws


def test_what_is_asked_for_is_copied_under_the_same_name(ws, tmp_path):
    copied = copy_of(ws, tmp_path / "copy", ("memory", "caches/tiny", "blocks/none"))
    assert copied.name == "ws"
    names = sorted(str(path.relative_to(copied.path)) for path in copied.path.rglob("*") if path.is_file())
    assert names == ["caches/tiny/cell-a.safetensors", "caches/tiny/cells.json", "memory/pool.safetensors"]


def test_cells_are_linked_and_all_else_is_not(ws, tmp_path):
    copied = copy_of(ws, tmp_path / "copy", ("memory", "caches/tiny"))
    cell = ws.path / "caches/tiny/cell-a.safetensors"
    assert cell.samefile(copied.path / "caches/tiny/cell-a.safetensors")
    assert not (ws.path / "caches/tiny/cells.json").samefile(copied.path / "caches/tiny/cells.json")
    (copied.path / "caches/tiny/cell-a.safetensors").unlink()
    assert cell.read_bytes() == b"keys"


def test_where_links_are_impossible_cells_are_copied(ws, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    copied = copy_of(ws, tmp_path / "copy", ("caches/tiny",))
    assert (copied.path / "caches/tiny/cell-a.safetensors").read_bytes() == b"keys"


def test_nothing_is_left_behind(ws):
    (ws.path / f"{PREFIX}killed").mkdir()
    with throwaway_folder(ws) as folder:
        assert folder.is_dir() and not (ws.path / f"{PREFIX}killed").exists()
        copy_of(ws, folder, ("memory",))
    assert not list(ws.path.glob(f"{PREFIX}*"))
