"""What the machine itself allows: bytes that a token must read, and how fast bytes can be read."""

from __future__ import annotations

import time

import torch

from core.models.language_model import LanguageModel

_BANDWIDTH_FLOATS = 1 << 26


def weight_bytes(lm: LanguageModel) -> int:
    """Bytes of weights that one token passes through: all but the embedding, unless the head is the same tensor."""
    tensors = {parameter.data_ptr(): parameter.nbytes for parameter in lm.model.parameters()}
    embedding, head = lm.model.get_input_embeddings().weight, lm.model.get_output_embeddings()
    if head is None or head.weight.data_ptr() != embedding.data_ptr():
        tensors.pop(embedding.data_ptr(), None)
    return sum(tensors.values())


def read_bandwidth(device: torch.device, floats: int = _BANDWIDTH_FLOATS) -> float:
    """Bytes per second at which the device reads memory that no cache holds: the best of five sums."""
    block = torch.ones(floats, device=device)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        block.sum().item()
        best = min(best, time.perf_counter() - began)
    return block.nbytes / best
