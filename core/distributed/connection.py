"""The connection to a Ray cluster; see https://docs.ray.io/en/latest/ray-core/starting-ray.html."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.errors import TesseraError
from core.messages import message

NAMESPACE = "tessera"
"""Ray's namespace for the actors that have names."""
_PATIENCE_S = 10.0
RUNNING = "auto"
"""The address of whichever Ray runs on this machine."""


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, connected while the body runs.

    Args:
        address: Of a cluster, as ``RAY_ADDRESS`` names it; ``RUNNING`` for one that runs here; empty to start one.

    Raises:
        TesseraError: Ray is not installed, or there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # threads of Ray Serve outlive a connection, and would open another
    try:
        import ray
    except ImportError as error:
        raise TesseraError("Ray is not installed.", "Run `make scale`, or leave --ray out.") from error
    _require_listening(address)
    options: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
    try:
        ray.init(**options, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _no_cluster(address or "local", error) from error
    try:
        yield ray
    finally:
        ray.shutdown()


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
