"""The code tour of docs/architecture.md names files that exist, and its spine stays short enough for an evening."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOUR = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SPINE_LINES = 1_800


def test_every_file_that_the_tour_names_exists():
    named = set(re.findall(r"`((?:core|app|pages|tests)/[\w/]+(?:\.py|/))`", TOUR))
    named |= {f"core/{name}" for name in re.findall(r"\b(?:methods|models)/\w+\.py", TOUR)}
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_spine_is_ten_files_that_are_read_in_an_evening():
    spine = re.findall(r"^\d+\. `([\w/.]+)`: ", TOUR, re.MULTILINE)
    assert len(spine) == 10
    assert sum(len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in spine) < SPINE_LINES
