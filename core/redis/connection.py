"""The way to Redis: ``REDIS_URL`` where it is set, else the embedded server; failures as sentences with a remedy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import ExponentialBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from core.errors import TesseraError
from core.redis.server import EmbeddedServer
from core.said import said
from core.settings import Settings

TIMEOUT_S = 15.0
CONNECT_S = 3.0
_REMEDIES: tuple[tuple[str, str, str], ...] = (
    ("wrongpass", "refuses the password", "Correct the password in REDIS_URL."),
    ("invalid username-password", "refuses the password", "Correct the password in REDIS_URL."),
    ("noauth", "asks for a password", "Give it in REDIS_URL: redis://:PASSWORD@HOST:PORT."),
    ("authentication required", "asks for a password", "Give it in REDIS_URL: redis://:PASSWORD@HOST:PORT."),
    ("noperm", "does not allow this user to do that", "Allow its user the commands FT.*, HSET, DEL and MULTI."),
    ("no such index", "does not hold this index any more", "Build it again: `python -m app index --force`."),
    ("unknown index name", "does not hold this index any more", "Build it again: `python -m app index --force`."),
    ("unknown command", "has no search module", "Use Redis 8, Redis Stack, or unset REDIS_URL."),
    ("when used memory", "has no memory left", "Raise its maxmemory, or flush the answer cache."),
    ("misconf", "cannot write to its disk", "Make room on the disk of the server."),
    ("read only replica", "is a replica that only reads", "Give the address of the primary in REDIS_URL."),
    ("loading", "is still reading its data", "Wait a moment and try again."),
)


class Connection:
    """A Redis that answers. Safe to share between threads.

    Args:
        url: Address of a server of one's own; empty for the embedded one.
        folder: Where the embedded server keeps its data.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.embedded = None if url else EmbeddedServer(folder)
        self._client: Any = None
        self._lock = threading.Lock()

    @property
    def place(self) -> str:
        """Where it is, for people; never with a password."""
        if self.embedded:
            return said("the embedded Redis in {folder}", folder=self.folder)
        parts = urlsplit(self.url)
        return said("the Redis at {host}:{port}", host=parts.hostname or "localhost", port=parts.port or 6379)

    def client(self) -> Any:
        """A client of a server that answered just now; starts or restarts the embedded one.

        Returns:
            ``redis.Redis``, or ``RedisCluster`` where the server is part of a cluster.

        Raises:
            TesseraError: There is no server to be had, or it refuses.
        """
        with self._lock:
            if self._client is not None and self._still_there():
                return self._client
            with speaking(self):
                self._client = self._connect()
            return self._client

    def close(self) -> None:
        """Closes the connection and lets go of the embedded server."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
            if self.embedded:
                self.embedded.release()

    def _still_there(self) -> bool:
        if not self.embedded:
            return True  # redis-py connects anew by itself
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            self._client.close()
            return False

    def _connect(self) -> Any:
        options: dict[str, Any] = {
            "socket_timeout": TIMEOUT_S,
            "socket_connect_timeout": CONNECT_S,
            "retry": Retry(ExponentialBackoff(cap=0.4, base=0.05), 2, supported_errors=(redis.ConnectionError,)),
        }
        if self.embedded:
            found = self.embedded.address()
            return redis.Redis(host="127.0.0.1", port=found.port, password=found.password, **options)
        try:
            client: Any = redis.Redis.from_url(self.url, **options)
        except ValueError as error:
            raise TesseraError(f"REDIS_URL cannot be read: {error}.", "Use redis://:PASSWORD@HOST:PORT.") from None
        if client.info("cluster").get("cluster_enabled"):
            client.close()
            return RedisCluster.from_url(self.url, **options)
        return client


def one_node(client: Any) -> Any:
    """A client for commands without a key: of a cluster one of its nodes, which speaks for all where it must."""
    return client.get_redis_connection(client.get_default_node()) if isinstance(client, RedisCluster) else client


@contextmanager
def speaking(connection: Connection) -> Iterator[None]:
    """Turns what Redis and its libraries raise into a TesseraError that names the server and a remedy."""
    from redisvl.exceptions import RedisVLError

    try:
        yield
    except (redis.RedisError, RedisVLError, ConnectionError) as error:
        raise translated(connection, error) from error


def translated(connection: Connection, error: BaseException) -> TesseraError:
    """The error as what happened and what to do; looks through the wrappers of libraries."""
    root = error
    while root.__cause__ is not None and isinstance(root.__cause__, redis.RedisError):
        root = root.__cause__
    said = str(root).lower()
    place = connection.place[0].upper() + connection.place[1:]
    for sign, what, remedy in _REMEDIES:
        if sign in said:
            return TesseraError(f"{place} {what}.", remedy)
    if isinstance(root, redis.ConnectionError | redis.TimeoutError | ConnectionError):
        return _gone(connection, place, root)
    reason = str(root).rpartition("caused error: ")[2]  # what comes before it repeats the data that was sent
    return TesseraError(f"{place} refused: {reason}.", "See whether its version fits: Redis 7.2 or later with search.")


def _gone(connection: Connection, place: str, error: BaseException) -> TesseraError:
    if connection.embedded is None:
        return TesseraError(f"{place} does not answer ({error}).", "Start it, or correct REDIS_URL.")
    why = connection.embedded.last_words()
    if "No space left" in why or "AOF write error" in why:
        return TesseraError(f"{place} stopped: its disk is full.", "Make room on the disk, then try again.")
    return TesseraError(f"{place} went away while it was asked.", "Try again: it is started anew with all its data.")


_connections: dict[tuple[str, Path], Connection] = {}
_making = threading.Lock()


def connection() -> Connection:
    """The connection of this process to the Redis that the environment names: one for each address."""
    settings = Settings.from_environment()
    key = (settings.redis_url, settings.redis_folder)
    with _making:
        if key not in _connections:
            _connections[key] = Connection(*key)
        return _connections[key]
