"""The answers that are kept on the server, as a list: who they belong to, what is there, and forgetting them.

{tessera-answers:<workspace>}:<scope>:<digest of the question>     an answer, for the same words
tessera-answers-<workspace>-<dim>:<digest>                          its twin in redisvl's SemanticCache
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.redis.connection import Connection, speaking
from core.workspace import Workspace


@dataclass(frozen=True)
class Entry:
    """One line of the cache as people see it.

    Attributes:
        question: The question.
        answer: Its answer.
        left_s: Seconds until it is forgotten.
    """

    question: str
    answer: str
    left_s: int


def key_of(ws: Workspace) -> str:
    """What tells a workspace from others on the same server."""
    return f"{ws.name}-{hashlib.sha256(str(ws.path.resolve()).encode()).hexdigest()[:8]}"


def entries(server: Connection, workspace: str) -> Iterator[Entry]:
    """The answers that are kept for a workspace, of all scopes."""
    with speaking(server):
        client = server.client()
        for key in client.scan_iter(match=f"{_glob(exact_prefix(workspace))}*", count=500):
            content, left = client.get(key), client.ttl(key)
            if content is not None:
                kept = json.loads(content)
                yield Entry(kept["question"], kept["text"], max(0, int(left)))


def flush(server: Connection, workspace: str) -> int:
    """Forgets all answers of a workspace; returns how many there were."""
    with speaking(server):
        client = server.client()
        gone = 0
        for key in list(client.scan_iter(match=f"{_glob(exact_prefix(workspace))}*", count=500)):
            gone += client.delete(key)
        for key in list(client.scan_iter(match=f"{_glob(semantic_prefix(workspace))}*", count=500)):
            client.delete(key)
        return gone


def exact_prefix(workspace: str) -> str:
    """What the keys of answers to the same words begin with."""
    return f"{{tessera-answers:{workspace}}}:"


def semantic_prefix(workspace: str) -> str:
    """What the index and keys of answers to the same meaning begin with."""
    return f"tessera-answers-{hashlib.sha256(workspace.encode()).hexdigest()[:12]}-"


def _glob(text: str) -> str:
    """A text that stands for itself in a pattern of SCAN."""
    return re.sub(r"([*?\[\]^\\-])", r"\\\1", text)
