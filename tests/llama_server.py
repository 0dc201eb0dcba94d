"""llama.cpp's own server, in this process, on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def llama_params(model: Path, context: int, key: str = "") -> Any:
    """What a server is started with; skips the test where ``xllamacpp`` is not installed.

    Args:
        context: Longest sequence, in tokens.
        key: Which it asks for.
    """
    params = pytest.importorskip("xllamacpp").CommonParams()
    params.model.path, params.n_ctx, params.n_parallel, params.port, params.verbosity = str(model), context, 1, 0, -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.api_keys = [key] if key else []
    return params


@contextmanager
def llama_server(params: Any) -> Iterator[str]:
    """The address of a server that runs while the body does."""
    server = pytest.importorskip("xllamacpp").Server(params)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server
