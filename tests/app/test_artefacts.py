"""What only a front knows of an artefact, its page and its command, is known of every one."""

import re

import pytest

from app.cli import cli
from app.cli.common import COMMANDS, command_for, remedy_of, settings_and_workspace
from app.navigation import PAGE_FOR, PAGES, page_for
from core.artefacts import ARTEFACTS, artefact, with_sources
from core.errors import ArtefactMissing, ArtefactStale
from core.settings import ROOT
from core.stores.registry import STORES


def test_every_artefact_has_a_page_and_a_command():
    assert set(PAGE_FOR) == set(COMMANDS) == set(ARTEFACTS)
    assert set(PAGE_FOR.values()) <= set(PAGES)
    assert {command.split()[0] for command in COMMANDS.values()} <= {str(c.name) for c in cli.registered_commands}


@pytest.mark.parametrize("store", STORES)
def test_so_has_the_index_of_every_store(store):
    assert page_for(f"index-{store}") == "stores"
    assert command_for(f"index-{store}", "mine") == f"python -m app index --store {store} --workspace mine"


def test_artefacts_are_built_after_what_they_are_built_from():
    order = list(ARTEFACTS)
    for kind, spec in ARTEFACTS.items():
        assert spec.kind == kind and spec.label and spec.remedy
        assert all(order.index(source) < order.index(kind) for source in spec.built_from)
    assert with_sources(["caches"]) == ("corpus", "embeddings", "partition", "caches")
    assert artefact("index-bm25").built_from == ARTEFACTS["index"].built_from


def test_a_remedy_says_what_to_type():
    settings_and_workspace("sample")
    missing = ArtefactMissing("No cells.", kinds=("partition", "projection"))
    assert remedy_of(missing) == "First cut the cells. Run `python -m app cluster`."
    damaged = ArtefactStale("Damaged.", kinds=("index-bm25",))
    assert remedy_of(damaged).endswith("Run `python -m app index --store bm25 --force`.")


def test_core_names_no_command_and_no_page():
    sentence = re.compile(r"python -m app|the [A-Z][a-z]+ page")
    offenders = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in sorted((ROOT / "core").rglob("*.py"))
        for text in re.findall(r'"[^"\n]*"', path.read_text(encoding="utf-8"))
        if sentence.search(text)
    ]
    assert offenders == []
