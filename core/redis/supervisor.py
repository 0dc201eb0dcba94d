"""Keeps one Redis server alive for as long as somebody uses it, and not a moment longer.

    python -I supervisor.py FOLDER SERVER MODULE

Every process that uses the server holds a shared lock on ``users.lock``; the kernel lets go of it however the process
ends, ``kill -9`` included. The supervisor waits for the exclusive lock: when it gets it nobody is left, and the server
is shut down. Should the supervisor itself be killed, the kernel ends the server (PR_SET_PDEATHSIG). So there is no
order of deaths that leaves a server behind.

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
LAST_PORT_FILE = "last-port"
CONFIG_FILE = "redis.conf"
LOG_FILE = "redis.log"
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.1
_ATTEMPTS = 5
_SETTLE_S = 1.0
_STOP_S = 20.0
_QUERY_MS = 10_000


def configuration(folder: Path, module: str, port: int, password: str) -> str:
    """The server's configuration: loopback alone, a password, and every acknowledged write on disk."""
    return "\n".join(
        (
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f"dir {_quoted(str(folder))}",
            f"logfile {_quoted(str(folder / LOG_FILE))}",
            f"loadmodule {_quoted(module)} TIMEOUT {_QUERY_MS} ON_TIMEOUT FAIL",  # by default it answers with a part
            "daemonize no",
            "appendonly yes",
            "appendfsync always",
            'save ""',
            "",
        )
    )


def main() -> int:
    """Starts the server, watches it and its users, and ends with it; does nothing where there is one already."""
    folder, server, module = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    with (folder / SERVER_LOCK).open("a") as only:
        # Two servers would write into the same files: one that seems not to answer may be busy reading its data.
        return _serve(folder, server, module) if _locked(only) else 0


def _serve(folder: Path, server: str, module: str) -> int:
    state = folder / STATE_FILE
    state.unlink(missing_ok=True)
    child = _start(folder, server, module)
    if child is None:
        return 1
    try:
        with (folder / USERS_FILE).open("a") as users:
            while child.poll() is None and not _locked(users):
                time.sleep(_POLL_S)
            state.unlink(missing_ok=True)
            _stop(child)  # still under the exclusive lock: whoever comes now waits, and then starts a new one
    finally:
        _stop(child)
    return 0


def _start(folder: Path, server: str, module: str) -> subprocess.Popen[bytes] | None:
    """Starts the server on the port it had before if that is free, else on another."""
    for attempt in range(_ATTEMPTS):
        port, password = _free_port(folder if attempt == 0 else None), secrets.token_hex(24)
        config = folder / CONFIG_FILE
        _write_private(config, configuration(folder, module, port, password))
        (folder / LOG_FILE).unlink(missing_ok=True)
        child = subprocess.Popen([server, str(config)], stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)
        if _holds(child, port):
            _write_private(folder / STATE_FILE, json.dumps({"port": port, "pid": child.pid, "password": password}))
            (folder / LAST_PORT_FILE).write_text(str(port))
            return child
    return None


def _holds(child: subprocess.Popen[bytes], port: int) -> bool:
    """Waits until the server listens; False when it ended, because the port was taken a moment earlier."""
    while child.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(_SETTLE_S)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(_POLL_S / 10)
                return child.poll() is None
        time.sleep(_POLL_S / 10)
    return False


def _free_port(folder: Path | None) -> int:
    wanted = 0
    if folder is not None and (folder / LAST_PORT_FILE).is_file():
        text = (folder / LAST_PORT_FILE).read_text()
        wanted = int(text) if text.isdecimal() else 0
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise OSError("no free port on 127.0.0.1")


def _locked(file: TextIO) -> bool:
    """Whether nobody else held a lock on the file; from then on this process does, alone."""
    import fcntl  # here, so that the names above can be imported where there is no such module

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _write_private(path: Path, text: str) -> None:
    """Writes a file that nobody else may read, in one step."""
    scratch = path.with_name(f".{path.name}")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    scratch.replace(path)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    sys.exit(main())
