"""SIGKILL at any moment of a build: readers find the old or the new, and whoever goes on ends with the same bits."""

from __future__ import annotations

import random
import signal

import pytest

from core.artefacts import ARTEFACTS
from core.workspace import open_workspace
from tests.torture.command import run, start
from tests.torture.workshop import COMMANDS, NAME, snapshot

KILLS = {"prepare": 6, "train": 8} | {name: 4 for name in COMMANDS if name not in ("prepare", "train")}
"""Fifty in all."""


def test_fifty_kills():
    assert sum(KILLS.values()) == 50 and set(KILLS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_build_loses_nothing_and_goes_on_to_the_same_bits(name, built, figures, tmp_path):
    stage, draw = built[name], random.Random(name)
    found = {"old": 0, "new": 0, "unfinished": 0}
    while sum(found.values()) < KILLS[name]:
        workspaces = stage.copy(tmp_path / "workspaces")
        ws = workspaces / NAME
        while killed(stage, workspaces, draw):
            found[left_behind(stage, ws)] += 1
            if sum(found.values()) == KILLS[name] or draw.random() < 0.5:
                break
        if snapshot(ws) != stage.after:
            run(stage.arguments, workspaces)
        assert snapshot(ws) == stage.after
    figures["kills"].append((name, KILLS[name], *found.values(), len(stage.after)))


def killed(stage, workspaces, draw) -> bool:
    """Whether the command was under way at a moment drawn at random, and is now dead."""
    process = start(stage.arguments, workspaces)
    process.join(draw.uniform(0, stage.seconds))
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def left_behind(stage, folder) -> str:
    """Opens a workspace as a reader does: every artefact is the old one or the new one, whole."""
    ws = open_workspace(str(folder), folder.parent)
    now = snapshot(folder)
    assert not [name for name in now if name.rpartition("/")[2].startswith(".") or name.startswith(".")]
    stage.old_or_new(now)
    for kind in ARTEFACTS:
        assert not ws.state(kind).damaged
    if now == stage.before:
        return "old"
    return "new" if now == stage.after else "unfinished"
