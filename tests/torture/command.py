"""Commands of the command line on the tiny models, each in a process of its own that can be killed.

A process is forked from one that has imported everything, so that a kill meets the command and not its imports.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE_S = 180
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["pytest", "tests.torture.warm"])


def execute(arguments: Sequence[str], workspaces: Path, output: Path) -> None:
    """Runs a command; ends with its exit code.

    Args:
        arguments: What is typed after ``python -m app``.
        workspaces: Folder of the workspaces.
        output: File for what it says.
    """
    from app.cli import main
    from core.models import registry
    from tests.models import TinyModels
    from tests.torture.warm import ENCODER, LM

    os.environ |= {"TESSERA_WORKSPACES": str(workspaces), "TESSERA_MAX_NEW_TOKENS": "8"}
    registry.Models = lambda settings: TinyModels(settings, LM, ENCODER)
    sys.argv = ["app", *arguments]
    with output.open("ab", buffering=0) as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    main()


def start(arguments: Sequence[str], workspaces: Path) -> multiprocessing.process.BaseProcess:
    """Begins a command; what it says goes to ``said.txt`` beside the workspaces."""
    process = processes.Process(target=execute, args=(list(arguments), workspaces, said_by(workspaces)))
    process.start()
    return process


def run(arguments: Sequence[str], workspaces: Path) -> float:
    """Runs a command to its end, which must be a good one; returns its seconds."""
    began = time.perf_counter()
    process = start(arguments, workspaces)
    process.join(PATIENCE_S)
    assert process.exitcode == 0, f"{process.exitcode} from {arguments}: {said_by(workspaces).read_text()[-4000:]}"
    return time.perf_counter() - began


def said_by(workspaces: Path) -> Path:
    return workspaces.with_name("said.txt")
