import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from core import digests
from core.errors import ArtefactMissing, ArtefactStale, TesseraError, WorkspaceBusy
from core.workspace import Workspace, list_workspaces, open_workspace
from tests.disk import files_of_at_most, without_rights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ws(tmp_path):
    return Workspace(tmp_path / "ws")


def put(ws, kind, inputs=None, text="x", **params):
    with ws.write(kind, inputs or {}, params) as folder:
        (folder / "data.txt").write_text(text)


def test_an_artefact_is_ready_once_written(ws):
    assert ws.state("corpus").status == "missing"
    with pytest.raises(ArtefactMissing, match="First bring documents"):
        ws.require("corpus")
    put(ws, "corpus", n=3)
    assert ws.state("corpus").status == "ready"
    assert ws.manifest("corpus").params == {"n": 3}
    assert (ws.require("corpus") / "data.txt").read_text() == "x"
    assert list_workspaces(ws.path.parent) == ["ws"]


def test_a_change_upstream_makes_stale_and_names_it(ws):
    put(ws, "corpus", n=3)
    put(ws, "embeddings", {"corpus": ws.fingerprint("corpus"), "encoder": "e1"})
    assert ws.state("embeddings", {"encoder": "e1"}).status == "ready"
    with pytest.raises(ArtefactStale, match="another encoder"):
        ws.require("embeddings", {"encoder": "e2"})
    put(ws, "corpus", n=4)
    with pytest.raises(ArtefactStale, match=r"another corpus.*embed the passages"):
        ws.require("embeddings")


def test_the_same_build_has_the_same_fingerprint(ws):
    put(ws, "corpus", n=3)
    first = ws.fingerprint("corpus")
    put(ws, "corpus", n=3)
    assert ws.fingerprint("corpus") == first


def test_a_cut_file_is_noticed(ws):
    put(ws, "corpus", text="whole")
    (ws.folder("corpus") / "data.txt").write_text("who")
    with pytest.raises(ArtefactStale, match=r"data\.txt"):
        ws.require("corpus")


def test_a_flipped_bit_is_noticed_and_the_remedy_is_a_copy(ws):
    put(ws, "corpus", text="whole")
    (ws.folder("corpus") / "data.txt").write_text("whale")
    assert ws.state("corpus").status == "stale"
    with pytest.raises(ArtefactStale, match=r"data\.txt is damaged: its checksum differs") as refusal:
        ws.require("corpus")
    assert "Put a copy" in refusal.value.remedy and refusal.value.kinds == ("corpus",)


def test_a_file_is_verified_once_in_a_process(ws, monkeypatch):
    put(ws, "corpus", text="whole")
    ws.require("corpus")
    monkeypatch.setattr(digests, "sha256_of", lambda path: pytest.fail("it was read again"))
    ws.require("corpus")


def test_files_of_an_earlier_version_have_no_digests(ws):
    put(ws, "corpus")
    path = ws.folder("corpus") / "manifest.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in facts.items() if name not in ("digests", "check")}))
    assert ws.state("corpus").status == "ready"


@pytest.mark.parametrize("damage", [lambda text: "{", lambda text: "[]", lambda text: text.replace("3", "7", 1)])
def test_a_damaged_manifest_is_refused_and_hides_no_other(ws, damage):
    put(ws, "corpus", n=3)
    put(ws, "memory", {"corpus": ws.fingerprint("corpus")})
    put(ws, "embeddings")
    path = ws.folder("corpus") / "manifest.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(ArtefactStale, match="manifest is damaged"):
        ws.require("corpus")
    assert [ws.state(kind).status for kind in ("corpus", "memory", "embeddings")] == ["stale", "stale", "ready"]
    assert ws.state("memory").reason == "the corpus that it was built from is damaged"


def test_a_failed_build_leaves_the_old_artefact(ws):
    put(ws, "corpus", text="old")
    with pytest.raises(ValueError, match="broken"), ws.write("corpus", {}, {}) as folder:
        (folder / "data.txt").write_text("new")
        raise ValueError("broken")
    assert (ws.require("corpus") / "data.txt").read_text() == "old"
    assert [path.name for path in ws.path.iterdir() if path.is_dir()] == ["corpus"]


def test_two_processes_do_not_write_at_once(ws):
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from core.errors import WorkspaceBusy
        from core.workspace import Workspace
        try:
            with Workspace(Path(sys.argv[1])).lock():
                print("got it")
        except WorkspaceBusy as busy:
            print("busy", busy)
    """)

    def other():
        run = subprocess.run(
            [sys.executable, "-c", script, str(ws.path)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return run.stdout

    with ws.lock():
        with ws.lock():  # nests in one thread
            assert other().startswith("busy")
        assert other().startswith("busy")
    assert other().startswith("got it")


def test_a_lock_in_another_object_of_this_process_is_respected(ws):
    with ws.lock(), pytest.raises(WorkspaceBusy), Workspace(ws.path).lock():
        pass


@pytest.mark.parametrize("name", ["..", "../x", "a/../../b", "", "x" * 80, "a\0b"])
def test_names_cannot_step_out(tmp_path, name):
    parent = tmp_path / "workspaces"
    try:
        ws = open_workspace(name, parent)
    except TesseraError:
        return
    assert "/" in name or name.startswith(".")  # an explicit path is the person's own choice
    assert ws.path == Path(name)


@pytest.mark.parametrize("name", ["CON", "nul", "com1", "LPT9.notes", "notes.", "notes "])
def test_names_that_some_systems_keep_for_themselves_are_refused(tmp_path, name):
    with pytest.raises(TesseraError, match="no name for a workspace"):
        open_workspace(name, tmp_path)
    assert open_workspace("console", tmp_path).name == "console"


def test_manifests_are_plain_json(ws):
    put(ws, "corpus", title="서울")
    assert json.loads((ws.folder("corpus") / "manifest.json").read_text(encoding="utf-8"))["params"]["title"] == "서울"


def test_what_was_done_before_writing_counts_as_building(ws):
    with ws.write("embeddings", {}, {}, spent_s=90) as folder:
        (folder / "data.txt").write_text("x")
    assert ws.manifest("embeddings").build_s >= 90


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    parent = tmp_path / "workspaces"
    parent.mkdir()
    parent.chmod(0o500)
    refusal = pytest.raises(TesseraError, match=r"cannot be written.*Permission denied")
    with without_rights(), refusal, Workspace(parent / "ws").lock():
        pass


def test_a_full_disk_is_a_sentence_and_the_old_one_is_kept(ws):
    put(ws, "memory", text="old")
    with files_of_at_most(1000), pytest.raises(TesseraError, match="cannot be written"):
        put(ws, "memory", text="new" * 1000)
    assert (ws.require("memory") / "data.txt").read_text() == "old"
