"""Facts of the Redis in use: where it is, what it runs, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.messages import message
from core.stores.redis.connection import Connection, one_node, translating_errors


@dataclass(frozen=True)
class IndexFacts:
    """An index of Tessera on the server.

    Attributes:
        documents: Passages or answers in it.
        bytes: Memory of its vectors and words, in bytes.
    """

    name: str
    documents: int
    bytes: int


@dataclass(frozen=True)
class ServerFacts:
    """A server as it is now.

    Attributes:
        place: Where it is, for people.
        search: Version of its search module; empty when it has none.
        uptime_s: Seconds since it was started.
        persistence: How writes reach the disk.
    """

    place: str
    embedded: bool
    version: str
    search: str
    port: int
    uptime_s: int
    memory: int
    keys: int
    persistence: str
    indexes: tuple[IndexFacts, ...]


def server_facts(connection: Connection) -> ServerFacts:
    """Asks the server; starts the embedded one when it is not running.

    Raises:
        TesseraError: No server is reachable, or it refuses.
    """
    with translating_errors(connection):
        client = one_node(connection.client())
        info = client.info()
        return ServerFacts(
            place=connection.place,
            embedded=connection.embedded is not None,
            version=str(info["redis_version"]),
            search=_search_version(client),
            port=int(info["tcp_port"]),
            uptime_s=int(info["uptime_in_seconds"]),
            memory=int(info["used_memory"]),
            keys=int(client.dbsize()),
            persistence=_persistence(info, client),
            indexes=tuple(_indexes(client)),
        )


def is_running(connection: Connection) -> bool:
    """Whether there is something to ask without starting it."""
    return connection.embedded is None or connection.embedded.is_running()


def _search_version(client: Any) -> str:
    for module in client.module_list():
        facts = _decoded(module)
        if facts["name"] == "search":
            number = int(facts["ver"])
            return f"{number // 10_000}.{number // 100 % 100}.{number % 100}" if number >= 100 else "built in"
    return ""


def _persistence(info: dict[str, Any], client: Any) -> str:
    if not int(info.get("aof_enabled", 0)):
        return message("snapshots alone")
    how = _decoded(client.config_get("appendfsync")).get("appendfsync")
    return message("append-only file, synced: {how}", how=how or message("as its operator chose"))


def _indexes(client: Any) -> Iterator[IndexFacts]:
    for name in sorted(map(_text, client.execute_command("FT._LIST"))):
        if name.startswith("tessera"):
            info = client.ft(name).info()
            size = sum(float(info.get(part, 0) or 0) for part in ("vector_index_sz_mb", "inverted_sz_mb")) * 1e6
            yield IndexFacts(name, int(info["num_docs"]), int(size))


def _decoded(facts: Mapping[Any, Any]) -> dict[str, Any]:
    return {_text(key): _text(value) if isinstance(value, bytes) else value for key, value in facts.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
