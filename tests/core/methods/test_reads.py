"""What a spec says its method reads is what the method reads, and what it needs no more than that."""

import shutil

import pytest

from core.artefacts import ARTEFACTS
from core.manifest import MANIFEST
from core.methods.base import answer
from core.methods.registry import METHODS, open_method
from core.methods.resources import Resources
from core.workspace import Workspace

QUESTION = "Who built the lighthouse of Velm?"


def answered(name, ws, models):
    found = answer(open_method(name, Resources(ws, models, models.settings)), QUESTION)
    return found.text, found.evidence


def blanked(ws, folder, kinds):
    """A copy of a workspace in which the files of some kinds hold nothing but zeros; their manifests still hold."""
    copied = Workspace(folder)
    shutil.copytree(ws.path, copied.path)
    for kind in kinds:
        for path in copied.folder(kind).rglob("*"):
            if path.is_file() and path.name != MANIFEST:
                path.write_bytes(bytes(path.stat().st_size))
    return copied


@pytest.mark.parametrize("name", METHODS)
def test_what_it_does_not_read_may_be_unreadable(name, built, models, tmp_path):
    spec = METHODS[name]
    expected = answered(name, built, models)
    others = [kind for kind in ARTEFACTS if kind not in (*spec.reads, *spec.makes)]
    assert answered(name, blanked(built, tmp_path / "others", others), models) == expected


@pytest.mark.parametrize(("name", "kind"), [(spec.name, kind) for spec in METHODS.values() for kind in spec.reads])
def test_it_cannot_do_without_what_it_reads(name, kind, built, models, tmp_path):
    if kind in METHODS[name].makes:
        pytest.skip("what a method makes itself, it makes again")
    with pytest.raises(Exception):  # noqa: B017 - a damaged file is refused in many ways
        answered(name, blanked(built, tmp_path / "ws", [kind]), models)
