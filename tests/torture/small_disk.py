"""A command on a disk of its own that fills up: a tmpfs, in a namespace that ends with the process."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.torture.command import PATIENCE_S, execute, processes
from tests.torture.workshop import NAME, Snapshot, snapshot

_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_SIZE = 256 << 20


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    Attributes:
        codes: Its exit code on the full disk, and once there was room.
        said: Everything it said.
        full: The workspace after the first run.
        roomy: The workspace after the second run.
    """

    codes: list[int]
    said: str
    full: Snapshot
    roomy: Snapshot


def why_not() -> str:
    """Why this system gives a process no disk of its own; empty where it does."""
    process = processes.Process(target=_own_namespace)
    process.start()
    process.join(PATIENCE_S)
    return "" if process.exitcode == 0 else "this system lets no user make a namespace with a disk of its own"


def on_small_disk(arguments: Sequence[str], workspaces: Path, folder: Path, free: int, after_s: float) -> Outcome:
    """Runs a command on a disk of which ``free`` bytes are left after so many seconds, then again with room."""
    report, said = folder / "report.json", folder / "said.txt"
    for path in (report, said):
        path.unlink(missing_ok=True)
    (folder / "disk").mkdir(exist_ok=True)
    given = list(arguments), workspaces, folder / "disk", report, said, free, after_s
    process = processes.Process(target=_both, args=given)
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode == 0, said.read_text() if said.exists() else process.exitcode
    return Outcome(**json.loads(report.read_text()), said=said.read_text())


def _both(
    arguments: list[str], workspaces: Path, disk: Path, report: Path, said: Path, free: int, after_s: float
) -> None:
    _own_namespace()
    _mount(disk)
    copied = Path(shutil.copytree(workspaces, disk / "workspaces"))
    if not after_s:
        _fill(disk / "ballast", free)
    child = _begun(arguments, copied, said)
    if after_s:
        time.sleep(after_s)
        _fill(disk / "ballast", free)
    codes = [_code(child)]
    full = snapshot(copied / NAME)
    (disk / "ballast").unlink()
    codes.append(_code(_begun(arguments, copied, said)))
    report.write_text(json.dumps({"codes": codes, "full": full, "roomy": snapshot(copied / NAME)}))


def _fill(ballast: Path, free: int) -> None:
    """Takes what is left of a disk, but for ``free`` bytes; what a command has just taken is not there to be taken."""
    for _ in range(9):
        left = os.statvfs(ballast.parent)
        with ballast.open("wb") as file, suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(left.f_bsize, left.f_bavail * left.f_bsize - free))
            return


def _begun(arguments: list[str], workspaces: Path, said: Path) -> int:
    """A command in a process of its own, so that the second run knows nothing of the first."""
    if child := os.fork():
        return child
    code = 70
    try:
        execute(arguments, workspaces, said)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001, the end of a process: what it was stands in what it said
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


def _code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _own_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_USER | _NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _mount(folder: Path) -> None:
    options = f"size={_SIZE}".encode()
    if ctypes.CDLL(None, use_errno=True).mount(b"none", os.fsencode(folder), b"tmpfs", 0, options):
        raise OSError(ctypes.get_errno(), "mount")
