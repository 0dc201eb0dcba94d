import gc

import pytest
import torch

from core.models import pages as module
from core.models.pages import in_pages, pages


@pytest.fixture(autouse=True)
def nothing_spare(monkeypatch):
    monkeypatch.setattr(module, "_spare", [])


def test_pages_are_used_again_once_no_view_is_left():
    content = pages(3_000_000)
    assert len(content) == 3_000_000
    content[:] = 7
    where, tensor = content.ctypes.data, torch.from_numpy(content)[8:16].view(torch.int16)
    del content
    gc.collect()
    other = pages(3_000_000)
    other[:] = 9
    assert other.ctypes.data != where and tensor.tolist() == [0x0707] * 4
    del tensor, other
    gc.collect()
    assert where in {pages(2_900_000).ctypes.data, pages(2_900_000).ctypes.data}


def test_pages_much_too_large_are_left_for_others():
    large = pages(3_000_000)
    where = large.ctypes.data
    del large
    small = pages(300_000)
    assert small.ctypes.data != where
    assert pages(3_000_000).ctypes.data == where


def test_few_pages_are_spare(monkeypatch):
    monkeypatch.setattr(module, "_MOST_SPARE", 2_000_000)
    lent = [pages(700_000) for _ in range(9)]
    del lent
    assert 0 < sum(map(len, module._spare)) <= 2_000_000


def test_nothing_takes_no_page():
    assert len(pages(0)) == 0 and not module._spare


def test_keys_and_values_are_copied_into_pages_that_are_used_again():
    layers = [(torch.rand(1, 2, 5, 4), torch.rand(1, 2, 5, 4).bfloat16()) for _ in range(3)]
    kept = in_pages(layers)
    for pair, copies in zip(layers, kept, strict=True):
        assert all(
            torch.equal(tensor, copy) and tensor.dtype == copy.dtype for tensor, copy in zip(pair, copies, strict=True)
        )
    layers[0][0].zero_()
    assert kept[0][0].any()
    where = kept[0][0].data_ptr()
    del copies, kept
    gc.collect()
    assert in_pages(layers)[0][0].data_ptr() == where
