"""The undisturbed builds, made once, and the figures, printed at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.table import Table

from tests.torture.workshop import Stage, stages

_HEADS = {
    "kills": ("killed", "kills", "found after it: old", "new", "unfinished", "files, all the same after going on"),
    "flips": ("damaged file", "bits", "refused", "answers unchanged"),
    "disks": ("command", "fillings", "a sentence", "there was room"),
}
Figures = dict[str, list[tuple[object, ...]]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "torture" in item.path.parts:
            item.add_marker(pytest.mark.torture)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    return stages(tmp_path_factory.mktemp("torture"))


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Rows of what was done and found, under a key of ``_HEADS``; printed when all is over."""
    rows: Figures = {name: [] for name in _HEADS}
    yield rows
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        for name, heads in _HEADS.items():
            if rows[name]:
                table = Table(*heads)
                for row in rows[name]:
                    table.add_row(*map(str, row))
                Console(width=120).print("", table)
