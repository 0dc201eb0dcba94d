"""What the stages tell while they work."""

import pytest

from core import pipeline
from core.errors import CorpusError
from core.settings import Settings
from core.workspace import Workspace
from tests.models import TinyModels


@pytest.fixture
def models(tmp_path, tiny_lm, tiny_encoder):
    return TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder)


@pytest.fixture
def documents(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bell.txt").write_text("The bell of Velm rings at noon.", encoding="utf-8")
    (folder / "rows.csv").write_bytes(b"title,text\nA,fine\nB,ca\x00ht\n")
    (folder / "empty.md").write_bytes(b"")
    return folder


def test_files_that_were_left_out_are_named_with_line_and_reason(tmp_path, models, documents):
    steps = list(pipeline.prepare(Workspace(tmp_path / "ws"), models, str(documents)))
    refused = {file["name"]: file["error"] for step in steps for file in step.data.get("left_out", ())}
    assert set(refused) == {"rows.csv", "empty.md"}
    assert "line 3" in refused["rows.csv"] and "NUL" in refused["rows.csv"]
    assert "is empty" in refused["empty.md"]


def test_a_source_without_a_refusal_reports_none(tmp_path, models, documents):
    for name in ("rows.csv", "empty.md"):
        (documents / name).unlink()
    steps = list(pipeline.prepare(Workspace(tmp_path / "ws"), models, str(documents)))
    assert all(not step.data for step in steps)


def test_when_nothing_can_be_read_the_reasons_are_the_error(tmp_path, models, documents):
    (documents / "bell.txt").unlink()
    with pytest.raises(CorpusError, match="line 3"):
        list(pipeline.prepare(Workspace(tmp_path / "ws"), models, str(documents)))
