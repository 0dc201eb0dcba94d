"""Runs one Redis server for as long as a process uses it.

    python -I supervisor.py FOLDER SERVER MODULE

Every process that uses the server holds a shared lock on ``users.lock``; the kernel releases it however the process
ends, ``kill -9`` included. The supervisor waits for the exclusive lock: once it has it, no user is left, and it shuts
the server down. If the supervisor itself is killed, the kernel ends the server (PR_SET_PDEATHSIG). So no server is left
behind, in whatever order processes die.

Runs as a script on the standard library alone: it starts quickly, and stays small.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

USERS_FILE = "users.lock"
SERVER_LOCK = "server.lock"
STATE_FILE = "server.json"
CONFIG_FILE = "redis.conf"
LOG_FILE = "redis.log"
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.1
_STOP_S = 20.0
# Loopback alone, a password, every acknowledged write on disk; by default a slow search answers with a part.
_CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
logfile {log}
loadmodule {module} TIMEOUT 10000 ON_TIMEOUT FAIL
daemonize no
appendonly yes
appendfsync always
save ""
"""


def main() -> int:
    """Serves until no user is left; returns 1 when the server ended by itself, 0 where another one has the folder."""
    folder, server, module = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    with (folder / SERVER_LOCK).open("a") as only, (folder / USERS_FILE).open("a") as users:
        if not locked(only):
            return 0  # two servers would write into the same files
        child = _start(folder, server, module, only)
        while child.poll() is None and not locked(users):
            time.sleep(_POLL_S)
        (folder / STATE_FILE).unlink(missing_ok=True)
        if child.poll() is not None:
            return 1
        child.terminate()
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
        child.wait()  # still under the exclusive lock: a process that connects now waits, then starts a new server
    return 0


def locked(file: TextIO) -> bool:
    """Takes the exclusive lock on the file; False if another process holds one."""
    import fcntl  # here, so that the names above can be imported where there is no such module

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(folder: Path, server: str, module: str, lock: TextIO) -> subprocess.Popen[bytes]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    password = secrets.token_hex(24)
    paths = {"folder": folder, "log": folder / LOG_FILE, "module": module}
    quoted = {name: json.dumps(str(path), ensure_ascii=False) for name, path in paths.items()}
    _write_private(folder / CONFIG_FILE, _CONFIG.format(port=port, password=password, **quoted))
    (folder / LOG_FILE).unlink(missing_ok=True)
    child = subprocess.Popen(
        [server, str(folder / CONFIG_FILE)],
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,
        pass_fds=(lock.fileno(),),  # the folder is the server's until it is gone, even when it outlives this process
    )
    _write_private(folder / STATE_FILE, json.dumps({"port": port, "pid": child.pid, "password": password}))
    return child


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, atomically."""
    scratch = path.with_name(f".{path.name}")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    scratch.replace(path)


if __name__ == "__main__":
    sys.exit(main())
