"""A workspace's data on the server besides its indexes: cached answers, counters and feedback.

{tessera-answers:<workspace>}:<scope>:<digest of the question>     an answer, found by the same words
tessera-answers-<workspace>-<dim>:<digest>                          the same answer in redisvl's SemanticCache
tessera-metrics:<workspace>, tessera-feedback:<workspace>           counters and feedback
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.digests import text_digest
from core.stores.redis.connection import Connection, one_node, translating_errors
from core.workspace import Workspace


@dataclass(frozen=True)
class Entry:
    """An entry of the answer cache, for display.

    Attributes:
        left_s: Seconds until it expires.
    """

    question: str
    answer: str
    left_s: int


def key_of(ws: Workspace) -> str:
    """The key of a workspace, unique on its server."""
    return f"{ws.name}-{text_digest(str(ws.path.resolve()), 8)}"


def entries(server: Connection, workspace: str) -> Iterator[Entry]:
    """The cached answers of a workspace, of all scopes."""
    with translating_errors(server):
        client = server.client()
        for key in client.scan_iter(match=f"{_glob(exact_prefix(workspace))}*", count=500):
            content, left = client.get(key), client.ttl(key)
            if content is not None:
                saved = json.loads(content)
                yield Entry(saved["question"], saved["text"], max(0, int(left)))


def flush(server: Connection, workspace: str) -> int:
    """Deletes all cached answers of a workspace; returns their number."""
    with translating_errors(server):
        client = server.client()
        deleted = 0
        for key in list(client.scan_iter(match=f"{_glob(exact_prefix(workspace))}*", count=500)):
            deleted += client.delete(key)
        for key in list(client.scan_iter(match=f"{_glob(semantic_prefix(workspace))}*", count=500)):
            client.delete(key)
        return deleted


def stored_counts(server: Connection, workspace: str) -> dict[str, int]:
    """Numbers of answers, judgements and counters of a workspace on the server; zeros are left out."""
    with translating_errors(server):
        client = server.client()
        pattern = f"{_glob(exact_prefix(workspace))}*"
        counts = {
            "kept answers": sum(1 for _ in client.scan_iter(match=pattern, count=500)),
            "judgements of answers": int(client.hlen(feedback_key(workspace))),
            "counters": int(client.hlen(metrics_key(workspace))),
        }
        return {name: count for name, count in counts.items() if count}


def forget(server: Connection, workspace: str) -> None:
    """Deletes all data of a workspace except its indexes, for which see ``StoreSpec.drop``."""
    flush(server, workspace)
    with translating_errors(server):
        client = server.client()
        for name in one_node(client).execute_command("FT._LIST"):
            text = name.decode() if isinstance(name, bytes) else str(name)
            if text.startswith(semantic_prefix(workspace)):
                one_node(client).execute_command("FT.DROPINDEX", text, "DD")
        for key in (metrics_key(workspace), feedback_key(workspace)):
            client.delete(key)


def move(server: Connection, workspace: str, to: str) -> None:
    """Keeps judgements and counters of a workspace under another name; its answers are forgotten."""
    with translating_errors(server):
        client = server.client()
        for key in (metrics_key, feedback_key):
            if content := client.hgetall(key(workspace)):
                client.hset(key(to), mapping=content)
    forget(server, workspace)


def metrics_key(workspace: str) -> str:
    """Key of a workspace's counters."""
    return f"tessera-metrics:{workspace}"


def feedback_key(workspace: str) -> str:
    """Key of a workspace's feedback."""
    return f"tessera-feedback:{workspace}"


def exact_prefix(workspace: str) -> str:
    """Prefix of the keys of answers that are found by the same words."""
    return f"{{tessera-answers:{workspace}}}:"


def semantic_prefix(workspace: str) -> str:
    """Prefix of the index and keys of answers that are found by meaning."""
    return f"tessera-answers-{text_digest(workspace, 12)}-"


def _glob(text: str) -> str:
    """Escapes a text for a SCAN pattern."""
    return re.sub(r"([*?\[\]^\\-])", r"\\\1", text)
