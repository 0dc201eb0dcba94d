"""The connection to Redis at ``REDIS_URL``, or to the embedded server; errors become a ``TesseraError``."""

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
from core.messages import message
from core.settings import Settings
from core.stores.redis.server import EmbeddedServer

TIMEOUT_S = 15.0
CONNECT_S = 3.0
_REMEDIES: tuple[tuple[str, str, str], ...] = (
    ("wrongpass", "{server} refuses the password.", "Correct the password in REDIS_URL."),
    ("invalid username-password", "{server} refuses the password.", "Correct the password in REDIS_URL."),
    ("noauth", "{server} asks for a password.", "Give it in REDIS_URL: redis://:PASSWORD@HOST:PORT."),
    ("authentication required", "{server} asks for a password.", "Give it in REDIS_URL: redis://:PASSWORD@HOST:PORT."),
    (
        "noperm",
        "{server} does not allow this user to do that.",
        "Allow its user the commands FT.*, HSET, DEL and MULTI.",
    ),
    ("no such index", "{server} does not hold this index any more.", "Build the index again."),
    ("unknown index name", "{server} does not hold this index any more.", "Build the index again."),
    ("unknown command", "{server} has no search module.", "Use Redis 8, Redis Stack, or unset REDIS_URL."),
    ("when used memory", "{server} has no memory left.", "Raise its maxmemory, or flush the answer cache."),
    ("misconf", "{server} cannot write to its disk.", "Make room on the disk of the server."),
    ("read only replica", "{server} is a replica that only reads.", "Give the address of the primary in REDIS_URL."),
    ("loading", "{server} is still reading its data.", "Wait a moment and try again."),
)


class Connection:
    """A connection to a Redis server. Safe to share between threads.

    Args:
        url: Address of an external server; empty for the embedded one.
        folder: Data folder of the embedded server.
    """

    def __init__(self, url: str, folder: Path) -> None:
        _check_address(url)
        self.url, self.folder = url, folder
        self.embedded = None if url else EmbeddedServer(folder)
        self._client: Any = None
        self._lock = threading.Lock()

    @property
    def place(self) -> str:
        """Name of the server for the beginning of a sentence; never contains a password."""
        if self.embedded:
            return message("The embedded Redis in {folder}", folder=self.folder)
        parts = urlsplit(self.url)
        return message("The Redis at {host}:{port}", host=parts.hostname or "localhost", port=parts.port or 6379)

    def holds_something(self) -> bool:
        """Whether it may contain data; does not start the embedded server to find out."""
        return not self.embedded or any(self.folder.glob("appendonly*"))

    def client(self) -> Any:
        """A client of a running server; starts or restarts the embedded one if needed.

        Returns:
            ``redis.Redis``, or ``RedisCluster`` if the server is part of a cluster.

        Raises:
            TesseraError: The server is not available or rejects the connection.
        """
        with self._lock:
            if self._client is not None and self._is_alive():
                return self._client
            with translating_errors(self):
                self._client = self._connect()
            return self._client

    def close(self) -> None:
        """Closes the connection and releases the embedded server."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
            if self.embedded:
                self.embedded.release()

    def _is_alive(self) -> bool:
        if not self.embedded:
            return True  # redis-py reconnects by itself
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
            address = self.embedded.address()
            return redis.Redis(host="127.0.0.1", port=address.port, password=address.password, **options)
        try:
            client: Any = redis.Redis.from_url(self.url, **options)
            client.connection_pool.make_connection()
        except (ValueError, TypeError):
            raise _unreadable() from None
        if client.info("cluster").get("cluster_enabled"):
            client.close()
            return RedisCluster.from_url(self.url, **options)
        return client


def _check_address(url: str) -> None:
    """Rejects an address that would be parsed wrongly, before a part of the password can appear in a message.

    Raises:
        TesseraError: It cannot be parsed.
    """
    try:
        parts = urlsplit(url)
        readable = not url or (
            parts.scheme and (parts.port or True) and "@" not in parts.path + parts.query + parts.fragment
        )
    except ValueError:
        readable = False
    if not readable:
        raise _unreadable()


def _unreadable() -> TesseraError:
    return TesseraError(
        "REDIS_URL cannot be read.",
        "Use redis://:PASSWORD@HOST:PORT, with %2F for /, %23 for #, %3F for ? and %40 for @ in the password, and "
        "parameters that redis-py knows.",
    )  # the address is not quoted, since it may contain the password


def one_node(client: Any) -> Any:
    """A client for commands without a key: for a cluster, that of its default node."""
    return client.get_redis_connection(client.get_default_node()) if isinstance(client, RedisCluster) else client


@contextmanager
def translating_errors(connection: Connection) -> Iterator[None]:
    """Turns errors of Redis and its libraries into a TesseraError that names the server and a remedy."""
    from redisvl.exceptions import RedisVLError

    try:
        yield
    except (redis.RedisError, RedisVLError, ConnectionError) as error:
        raise translated(connection, error) from error


def translated(connection: Connection, error: BaseException) -> TesseraError:
    """The TesseraError for an error of Redis or a library that wraps it."""
    root = error
    while root.__cause__ is not None and isinstance(root.__cause__, redis.RedisError):
        root = root.__cause__
    text = str(root).lower()
    for sign, what, remedy in _REMEDIES:
        if sign in text:
            return TesseraError(message(what, server=connection.place), remedy)
    if isinstance(root, redis.ConnectionError | redis.TimeoutError | ConnectionError):
        return _gone(connection, root)
    reason = str(root).rpartition("caused error: ")[2]  # the part before it repeats the data that was sent
    what = message("{server} refused: {reason}.", server=connection.place, reason=reason)
    return TesseraError(what, "See whether its version fits: Redis 7.2 or later with search.")


def _gone(connection: Connection, error: BaseException) -> TesseraError:
    server = connection.place
    if connection.embedded is None:
        what = message("{server} does not answer ({error}).", server=server, error=error)
        return TesseraError(what, "Start it, or correct REDIS_URL.")
    log = connection.embedded.last_words()
    if "No space left" in log or "AOF write error" in log:
        what = message("{server} stopped: its disk is full.", server=server)
        return TesseraError(what, "Make room on the disk, then try again.")
    what = message("{server} went away while it was at work.", server=server)
    return TesseraError(what, "Try again: it starts anew with all its data.")


_connections: dict[tuple[str, Path], Connection] = {}
_making = threading.Lock()


def connection() -> Connection:
    """The connection of this process to the Redis of the environment; one per address."""
    settings = Settings.from_environment()
    key = (settings.redis_url, settings.redis_folder)
    with _making:
        if key not in _connections:
            _connections[key] = Connection(*key)
        return _connections[key]
