"""The connection to a Ray cluster; see https://docs.ray.io/en/latest/ray-core/starting-ray.html."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.errors import TesseraError
from core.manifest import write_atomically
from core.messages import message
from core.settings import Settings

NAMESPACE = "tessera"
"""Ray's namespace for the actors that have names."""
_PATIENCE_S = 10.0
RUNNING = "auto"
"""The address of whichever Ray runs on this machine."""


@contextmanager
def connected(settings: Settings, address: str = "") -> Iterator[Any]:
    """Ray, connected while the body runs: to the cluster that the settings name.

    Args:
        address: Where they name none: ``RUNNING`` for a Ray that runs here; empty starts one.

    Raises:
        TesseraError: Ray is not installed, or there is no cluster at the address.
    """
    if find_spec("ray") is None:
        raise TesseraError("Ray is not installed.", "Run `make scale`, or leave --ray out.")
    address = settings.ray_address or address
    if address in ("", RUNNING):
        _bring_token(settings.home)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # threads of Ray Serve outlive a connection, and would open another
    import ray  # reads the environment

    _require_listening(address)
    options: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
    try:
        ray.init(**options, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _no_cluster(address or "local", error) from error
    # Of a node that dies, Ray writes a long dump to stdout, where --json writes its object, and has no switch for it.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield ray
    finally:
        ray.shutdown()


def _bring_token(home: Path) -> None:
    """Gives the Ray that Tessera starts here, and who looks for it, a token; Ray's own would bind every other Ray."""
    if any(name.startswith("RAY_AUTH_") for name in os.environ) or (Path.home() / ".ray" / "auth_token").exists():
        return
    path = home / "ray-token"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        write_atomically(path, secrets.token_hex(32).encode())
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}


def _require_listening(address: str) -> None:
    """Holds that somebody listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdecimal():
        return  # of another kind, which Ray looks up itself
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
    except OSError as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> TesseraError:
    return TesseraError(
        message("There is no Ray cluster at {address}: {error}.", address=address, error=error),
        "Start one with `ray start --head`, and set RAY_ADDRESS to its address.",
    )
