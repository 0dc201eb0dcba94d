"""A disk that fills up during a build: a sentence, the old artefacts as they were; with room again, the same bits."""

from __future__ import annotations

import random
import re

import pytest

from tests.torture.small_disk import on_small_disk, why_not

COMMANDS = ("prepare", "index (IVF)", "cluster", "cache", "cache --whole-cells", "train", "adapt")
FILLINGS = 6
_PAGE = 4096


@pytest.fixture(scope="module", autouse=True)
def disks():
    if why := why_not():
        pytest.skip(why)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_a_sentence_and_loses_nothing(name, built, figures, tmp_path):
    stage, draw, refused = built[name], random.Random(name), 0
    for number in range(FILLINGS):
        free = _PAGE * int(2 ** draw.uniform(0, 6)) if number else 0
        after_s = draw.uniform(0, stage.seconds) if number % 2 else 0.0
        found = on_small_disk(stage.arguments, stage.workspaces, tmp_path, free, after_s)
        stage.old_or_new(found.full)
        assert "Traceback" not in found.said, found.said
        if found.codes[0]:
            said = " ".join(found.said.split())
            assert found.codes == [1, 0] and re.search("No space left|GB are free", said) and "Free" in said, said
            refused += 1
        assert found.roomy == stage.after
    assert refused
    figures["disks"].append((name, FILLINGS, refused, FILLINGS - refused))
