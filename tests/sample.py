"""The sample's workspace whole, built once for all tests that need it, as a person builds it: ``python -m app sample``.

It lies beside pytest's cache. The README's tour, with which the tests begin, builds it from nothing; tests that are run
by name go on from what is there, and what no longer holds is built again, as for a person.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
_FOLDER = ROOT / ".pytest_cache" / "workspaces"


@contextmanager
def sample_workspaces() -> Iterator[Path]:
    """The folder of workspaces to build the sample in, while no other process of the tests is in it."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(_FOLDER.with_suffix(".lock")):
        yield _FOLDER


def copy_sample(workspaces: Path) -> Path:
    """A copy of the sample's workspace, in a folder of workspaces; it is built where it is not."""
    with sample_workspaces() as folder:
        environment = {**os.environ, "TESSERA_WORKSPACES": str(folder)}
        command = [sys.executable, "-m", "app", "sample"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        return Path(shutil.copytree(folder / "sample", workspaces / "sample"))
