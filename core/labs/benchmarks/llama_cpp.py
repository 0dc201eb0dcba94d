"""llama.cpp as a peer, through the bindings ``xllamacpp``: the reference for speed on a CPU.

The bindings are no dependency of Tessera: the peer is measured where they are installed.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from core.errors import TesseraError
from core.labs.benchmarks.clock import AnswerTime, Stopwatch
from core.messages import message
from core.models.download import dequantised_file, original_file
from core.models.gguf import FORMATS
from core.models.language_model import LanguageModel
from core.settings import Settings

STATE = "context.bin"


class LlamaCpp:
    """One model in llama.cpp, asked with token ids, so that both sides read the same tokens.

    Args:
        threads: CPU threads, as many as torch has.
        context: Longest sequence in tokens.

    Raises:
        TesseraError: The bindings are not installed, or the file is no model.
    """

    def __init__(self, gguf: Path, threads: int, context: int, folder: Path) -> None:
        if not installed():
            raise TesseraError("llama.cpp cannot be measured: xllamacpp is not installed.", "pip install xllamacpp")
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx, params.n_parallel, params.verbosity = context, 1, -1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.slot_save_path = f"{folder}/"
        params.warmup = True
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise TesseraError(
                message("llama.cpp cannot load {gguf}: {error}.", gguf=gguf, error=error), "Give a GGUF file."
            ) from error

    def answer(self, ids: Sequence[int], tokens: int, reuse: bool) -> AnswerTime:
        """Continues ``ids`` by a number of tokens; with ``reuse`` it keeps the prefix that it holds already."""
        pieces: list[dict[str, Any]] = []
        watch = Stopwatch()

        def on_piece(piece: dict[str, Any]) -> None:
            watch.first()
            pieces.append(piece)

        request = {"prompt": list(ids), "n_predict": tokens, "temperature": 0.0, "ignore_eos": True}
        self._server.handle_completions({**request, "cache_prompt": reuse, "stream": True}, on_piece)
        clocked = watch.stop()
        refused = next((piece for piece in pieces if "error" in piece or "code" in piece), None)
        if refused or not pieces:
            raise TesseraError(message("llama.cpp refused: {reason}.", reason=refused), "Try fewer passages.")
        return clocked

    def save(self, ids: Sequence[int]) -> None:
        """Prefills ``ids`` and writes its state to a file."""
        self.answer(ids, 1, True)
        self._slot("save")

    def restore(self) -> None:
        """Reads the state that was saved."""
        self._slot("restore")

    def _slot(self, action: str) -> None:
        address = f"{self._server.listening_address}/slots/0?action={action}"
        body = json.dumps({"filename": STATE}).encode()
        request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            response.read()


Opener = Callable[[int, Path], LlamaCpp]
"""Opens llama.cpp for a context of so many tokens, with a folder for its state."""


def installed() -> bool:
    """Whether the bindings are here."""
    return find_spec("xllamacpp") is not None


def peers(lm: LanguageModel, settings: Settings) -> dict[str, Opener]:
    """llama.cpp with the same weights in the model's own number format, and as they were published.

    Returns:
        By the name of its setups; empty where the bindings or a GGUF file of the model are missing, and beside a GPU.
    """
    # Its wheels compute on the CPU: beside a GPU they would show the machine, not the software.
    comparable = installed() and lm.device.type == "cpu" and lm.identity.dtype in FORMATS
    original = original_file(settings.model, settings.home) if comparable else None
    if original is None:
        return {}
    files = {"llama_cpp": dequantised_file(original, lm.identity.dtype), "llama_cpp_published": original}
    return {name: partial(LlamaCpp, gguf, torch.get_num_threads()) for name, gguf in files.items()}
