"""Memory of an open store, measured in a process of its own.

    python -m core.labs.benchmarks.store_memory STORE FOLDER REQUESTS.safetensors

The engine is loaded and exercised on a small index first, so that the difference is the index, not the library.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
from safetensors.numpy import load_file, save_file

from core.corpus.types import Passage
from core.errors import TesseraError
from core.messages import message
from core.models.encoder import Vectors
from core.settings import ROOT
from core.stores.base import SearchRequest, VectorStore
from core.stores.registry import find_store

_TIMEOUT_S = 300


def measure(store: str, folder: Path, queries: Vectors, texts: tuple[str, ...], k: int) -> int:
    """Resident memory of a store that has answered all queries, in bytes.

    Args:
        queries: [q, dim] unit vectors.

    Raises:
        TesseraError: The measuring process failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "requests.safetensors"
        save_file({"queries": queries}, path, metadata={"texts": json.dumps(texts), "k": str(k)})
        command = [sys.executable, "-m", "core.labs.benchmarks.store_memory", store, str(folder), str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise TesseraError(
            message("The memory of {store} could not be measured ({last}).", store=store, last=last),
            "Run the bench again.",
        )
    return int(json.loads(done.stdout)["bytes"])


def _main(store: str, folder: str, requests: str) -> None:
    spec = find_store(store)
    from safetensors import safe_open

    with safe_open(requests, "numpy") as file:
        metadata = file.metadata()
    queries, texts, k = load_file(requests)["queries"], json.loads(metadata["texts"]), int(metadata["k"])
    with tempfile.TemporaryDirectory() as scratch:
        few = [Passage(f"p{row}", "a title", "a text", "") for row in range(len(queries))]
        small = spec.create(Path(scratch) / "index", few, queries)
        _exercise(small, queries, texts, k)
        small.close()
        spec.drop(Path(scratch) / "index")
    before = _resident()
    index = spec.open(Path(folder))
    _exercise(index, queries, texts, k)
    sys.stdout.write(json.dumps({"bytes": max(0, _resident() - before)}))


def _exercise(store: VectorStore, queries: Vectors, texts: list[str], k: int) -> None:
    for row, vector in enumerate(queries):
        store.search(SearchRequest(k=k, vector=np.asarray(vector), text=texts[row] if texts else None))


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    _main(*sys.argv[1:4])
