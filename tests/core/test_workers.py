"""Shards that are computed in this process, and what is kept of a computation that stops."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import ArtefactMissing
from core.jobs import finish
from core.workers import InProcess, compute_arrays

SHARDS = ["one", "two", "three", "four"]


def lengths(computed, shard):
    computed.append(shard)
    return np.array([len(shard)], np.float32)


def test_arrays_come_in_the_order_of_their_shards():
    arrays = finish(compute_arrays(InProcess([]), lengths, SHARDS))
    assert [float(array[0]) for array in arrays] == [3, 3, 5, 4]


def test_what_was_computed_before_a_stop_is_not_computed_again(tmp_path):
    first, second = [], []
    work = compute_arrays(InProcess(first), lengths, SHARDS, tmp_path / "shards", SHARDS)
    for done, _ in work:
        if len(done) == 2:
            break
    work.close()
    again = compute_arrays(InProcess(second), lengths, SHARDS, tmp_path / "shards", SHARDS)
    assert len(next(again)[0]) == 2
    assert [len(array) for array in finish(again)] == [1, 1, 1, 1]
    assert (first, second) == (SHARDS[:2], SHARDS[2:])


def test_another_content_is_computed_anew(tmp_path):
    finish(compute_arrays(InProcess([]), lengths, SHARDS, tmp_path, SHARDS))
    computed = []
    finish(compute_arrays(InProcess(computed), lengths, SHARDS, tmp_path, [*SHARDS[:3], "another"]))
    assert computed == ["four"]


def test_a_task_that_fails_says_why():
    def refuse(models, shard):
        raise ArtefactMissing("Nothing there.")

    with pytest.raises(ArtefactMissing, match="Nothing there"):
        finish(compute_arrays(InProcess([]), refuse, SHARDS))
