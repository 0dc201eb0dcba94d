"""llama.cpp as a peer, through the bindings ``xllamacpp``: the clock that whoever says "fast on a CPU" is held to.

The bindings are no dependency of Tessera: the peer is measured where they are installed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.errors import TesseraError


class LlamaCpp:
    """One model in llama.cpp, asked with token ids, so that both sides read the same tokens.

    Args:
        gguf: The model.
        context: Longest sequence in tokens.
        threads: CPU threads, as many as torch has.

    Raises:
        TesseraError: The bindings are not installed, or the file is no model.
    """

    def __init__(self, gguf: Path, context: int, threads: int) -> None:
        if find_spec("xllamacpp") is None:
            raise TesseraError("llama.cpp cannot be measured: xllamacpp is not installed.", "pip install xllamacpp")
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx, params.n_parallel, params.verbosity = context, 1, -1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.warmup = True
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise TesseraError(f"llama.cpp cannot load {gguf}: {error}.", "Give a GGUF file.") from error

    def prefill_ms(self, ids: Sequence[int], reuse: bool) -> float:
        """Wall time to the first token in ms; with ``reuse`` it keeps the prefix that it holds already."""
        began = time.perf_counter()
        self._complete(ids, 1, reuse)
        return (time.perf_counter() - began) * 1000

    def tokens_per_s(self, ids: Sequence[int], tokens: int) -> float:
        """Pace of decoding behind ``ids``, by its own clock."""
        return float(self._complete(ids, tokens, True)["timings"]["predicted_per_second"])

    def _complete(self, ids: Sequence[int], tokens: int, reuse: bool) -> dict[str, Any]:
        answer: dict[str, Any] = self._server.handle_completions(
            {
                "prompt": list(ids),
                "n_predict": tokens,
                "temperature": 0.0,
                "ignore_eos": True,
                "cache_prompt": reuse,
                "stream": False,
            }
        )
        if "timings" not in answer:
            raise TesseraError(f"llama.cpp refused: {answer}.", "Try fewer passages.")
        return answer
