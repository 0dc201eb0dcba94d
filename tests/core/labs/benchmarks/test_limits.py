import torch

from core.labs.benchmarks.limits import read_bandwidth, weight_bytes


def test_bytes_of_weights(tiny_lm):
    parameters = sum(parameter.nbytes for parameter in tiny_lm.model.parameters())
    assert weight_bytes(tiny_lm) == parameters - tiny_lm.model.get_input_embeddings().weight.nbytes


def test_bandwidth_is_bytes_by_seconds():
    assert 1e7 < read_bandwidth(torch.device("cpu"), floats=1 << 16) < 1e13
