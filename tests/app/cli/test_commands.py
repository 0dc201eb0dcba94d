"""The command line: sentences and exit codes without a model, the whole path on the real default models."""

import json
import re

import pytest
import typer
from typer.testing import CliRunner

from app.cli import cli
from app.cli.common import remedy_of, settings_and_workspace, whole_numbers
from core.artefacts import ARTEFACTS
from core.corpus.store import load_passages
from core.errors import ArtefactMissing, TesseraError
from core.labs.ablation import WHATS
from core.memory.presets import preset_names
from core.settings import Settings
from core.workspace import Workspace
from tests.models import TinyModels

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def workspaces(tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path / "workspaces"))


def one_object(result):
    return json.loads(result.stdout)


def test_help_names_every_command():
    text = run(cli, ["--help"]).output
    for command in ("prepare", "index", "cluster", "cache", "train", "adapt", "query", "status", "eval", "verify"):
        assert command in text
    for command in cli.registered_commands:
        assert str(command.name) in text


@pytest.mark.parametrize(
    ("command", "option", "choices"),
    [("train", "preset", preset_names()), ("ablate", "what", WHATS)],
)
def test_help_names_every_choice(command, option, choices):
    (found,) = (each for each in typer.main.get_command(cli).commands[command].params if each.name == option)
    assert set(choices) <= set(re.findall(r"[\w-]+", found.help))


@pytest.mark.parametrize("text", ["", " , ", "1,two", "-1", "1.5", "²"])
def test_an_option_with_several_numbers(text):
    assert whole_numbers("--ks", "1, 3", "1,3,5") == (1, 3)
    with pytest.raises(TesseraError, match=r"--ks .* are no numbers\. Give whole numbers, such as 1,3,5\."):
        whole_numbers("--ks", text, "1,3,5")


def test_documents_are_listed_added_replaced_removed_and_brought_back(tmp_path, tiny_lm, tiny_encoder, monkeypatch):
    settings = Settings.from_environment()
    models = TinyModels(settings, tiny_lm, tiny_encoder)
    monkeypatch.setattr("core.models.registry.Models", lambda settings: models)
    for name, text in (("bells.txt", "The bell rings at noon."), ("mills.md", "# Mill\n\nThe mill has four sails.")):
        (tmp_path / name).write_text(text)

    def documents(*options):
        result = run(cli, ["documents", "--workspace", "own", "--json", *options])
        assert result.exit_code == 0, result.output
        return {row["file"]: row["passages"] for row in one_object(result)["documents"]}

    drive = ["prepare", "--dataset", str(tmp_path / "bells.txt"), "--workspace", "own", "--json"]
    refused = run(cli, [*drive, "--overlap", "100"])
    assert refused.exit_code == 1 and "0 to 64" in one_object(refused)["remedy"]
    prepared = run(cli, [*drive, "--length", "64", "--overlap", "16"])
    assert (one_object(prepared)["length"], one_object(prepared)["overlap"]) == (64, 16)
    assert documents() == {"bells.txt": 1}
    assert documents("--add", str(tmp_path / "mills.md")) == {"bells.txt": 1, "mills.md": 1}
    (tmp_path / "bells.txt").write_text("The bell is cracked.")
    documents("--add", str(tmp_path / "bells.txt"))
    assert load_passages(Workspace(settings.workspaces / "own"))[0].text == "The bell is cracked."
    assert documents("--remove", "bells.txt") == {"mills.md": 1}
    assert documents("--undo") == {"bells.txt": 1, "mills.md": 1}
    assert Workspace(settings.workspaces / "own").manifest("corpus").params["length"] == 64
    refused = run(cli, ["documents", "--workspace", "own", "--json", "--remove", "typo.md"])
    assert refused.exit_code == 1 and "typo.md" in one_object(refused)["error"]
    assert one_object(run(cli, ["rename", "yours", "--workspace", "own", "--json"]))["workspace"] == "yours"
    assert one_object(run(cli, ["documents", "--workspace", "yours", "--json"]))["passages"] == 2


def test_status_of_an_empty_workspace_says_what_to_do():
    result = run(cli, ["status"])
    assert result.exit_code == 0
    assert "missing" in result.output and "prepare" in result.output
    kinds = [artefact["kind"] for artefact in one_object(run(cli, ["status", "--json"]))["artefacts"]]
    assert kinds == list(ARTEFACTS)


def test_a_remedy_names_the_workspace_and_the_plain_model(tmp_path):
    (tmp_path / "workspaces" / "my own").mkdir(parents=True)
    result = run(cli, ["query", "--text", "x", "--method", "rag", "--workspace", "my own", "--json"])
    assert result.exit_code == 1
    assert one_object(result)["remedy"].endswith("Run `python -m app prepare --workspace 'my own'`.")
    (tmp_path / "workspaces" / "mine").mkdir()
    settings_and_workspace("mine", plain=True)
    missing = ArtefactMissing("No blocks.", kinds=("blocks",))
    assert remedy_of(missing).endswith("Run `python -m app cache --workspace mine --plain`.")


def test_status_names_further_indexes_that_are_there(tmp_path):
    (tmp_path / "workspaces" / "sample" / "index-bm25").mkdir(parents=True)
    result = run(cli, ["status", "--json"])
    assert [artefact["kind"] for artefact in one_object(result)["artefacts"]] == [*ARTEFACTS, "index-bm25"]
    assert "--store bm25" in run(cli, ["status"], env={"COLUMNS": "200"}).output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["query", "--text", "  "], "empty"),
        (["query", "--text", "x", "--method", ","], "rag"),
        (["cluster", "--k", "3"], "--no-auto-k"),
        (["cluster", "--no-auto-k"], "--k"),
        (["cluster"], "prepare"),
        (["status", "--workspace", "a\0b"], "letters"),
        (["prepare", "--dataset", "no/such/file.txt"], "no such file"),
        (["adapt"], "--text"),
        (["eval"], "prepare"),
        (["eval", "--methods", "ragg"], "closed-book"),
        (["index", "--store", "chroma"], "lancedb-flat"),
        (["index", "--store", "bm25"], "prepare"),
        (["bench", "stores"], "prepare"),
        (["eval-memory"], "prepare"),
        (["ablate"], "prepare"),
        (["ablate", "--what", "hat"], "rank"),
        (["train", "--preset", "hat"], "laptop"),
        (["calibrate"], "train"),
        (["forget", "geo-01"], "train"),
        (["edit", "geo-01"], "--text"),
        (["edit", "geo-01", "--text", "New words."], "train"),
        (["verify"], "prepare"),
        (["cache", "--whole-cells"], "prepare"),
        (["bench", "cag"], "prepare"),
        (["judge"], "eval"),
    ],
)
def test_what_a_person_gets_wrong_is_a_sentence_and_exit_code_1(arguments, says):
    plain = run(cli, arguments)
    assert plain.exit_code == 1, plain.output
    assert says in plain.output + plain.stderr
    result = run(cli, [*arguments, "--json"])
    assert result.exit_code == 1
    failure = one_object(result)
    assert set(failure) == {"error", "remedy"} and says in f"{failure['error']} {failure['remedy']}"


def with_workspace(group, before=()):
    """Every command that has a workspace, with dummies for what else it must be given."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from with_workspace(command, (*before, name))
        elif any("--workspace" in parameter.opts for parameter in command.params):
            needed = [parameter for parameter in command.params if parameter.required]
            given = [[max(p.opts, key=len), "x"] if p.opts[0].startswith("-") else ["x"] for p in needed]
            yield [*before, name, *(word for words in given for word in words)]


COMMANDS = [line for line in with_workspace(typer.main.get_command(cli)) if line[0] != "prepare"]


@pytest.mark.parametrize("line", COMMANDS, ids=" ".join)
def test_a_mistyped_workspace_is_an_error_that_names_those_there_are(line, tmp_path):
    for name in ("mine", "yours"):
        (tmp_path / "workspaces" / name / "corpus").mkdir(parents=True)
        (tmp_path / "workspaces" / name / "corpus" / "manifest.json").write_text("{}")
    result = run(cli, [*line, "-w", "typo"], env={"COLUMNS": "300"})
    said = " ".join((result.output + result.stderr).split())
    assert result.exit_code == 1, said
    assert "There is no workspace 'typo'; there are: mine, yours." in said
    assert not (tmp_path / "workspaces" / "typo").exists()


def test_some_methods_that_could_not_answer_are_exit_code_3(tmp_path, monkeypatch, tiny_lm, tiny_encoder):
    monkeypatch.setattr("core.models.registry.Models", lambda settings: TinyModels(settings, tiny_lm, tiny_encoder))
    document = tmp_path / "a.txt"
    document.write_text("The bridge of Velm was built by Mara Lind.")
    assert run(cli, ["prepare", "--dataset", str(document), "-w", "mine"]).exit_code == 0
    asked = ["query", "--text", "Who built the bridge?", "-w", "mine", "--json"]
    assert run(cli, [*asked, "--method", "rag,closed-book"]).exit_code == 0
    some = run(cli, [*asked, "--method", "rag,cag"])
    assert some.exit_code == 3
    assert list(one_object(some)["failures"]) == ["cag"]
    assert one_object(some)["failures"]["cag"]["remedy"].endswith("--workspace mine`.")
    assert run(cli, [*asked, "--method", "cag"]).exit_code == 1


def test_a_wrong_answer_to_a_known_question_is_told_so(tmp_path, monkeypatch, tiny_lm, tiny_encoder):
    monkeypatch.setattr("core.models.registry.Models", lambda settings: TinyModels(settings, tiny_lm, tiny_encoder))
    question, text = "Who built the bridge?", "The bridge of Velm was built by Mara Lind."
    answered = {"id": "1", "question": question, "answers": [{"text": "Mara Lind", "answer_start": 32}]}
    squad = {"version": "1.1", "data": [{"title": "Velm", "paragraphs": [{"context": text, "qas": [answered]}]}]}
    document = tmp_path / "squad.json"
    document.write_text(json.dumps(squad))
    assert run(cli, ["prepare", "--dataset", str(document), "-w", "mine"]).exit_code == 0
    asked = ["query", "--text", question, "-w", "mine", "--method", "rag"]
    (answer,) = one_object(run(cli, [*asked, "--json"]))["answers"]
    assert (answer["verdict"], answer["why"]) == ("misread", "It had the gold passage, number 1 of 1.")
    assert "verdict ✗ misread. It had the gold passage, number 1 of 1." in run(cli, asked).stdout


def test_a_workspace_is_deleted_after_a_list_and_a_question(tmp_path, monkeypatch, tiny_lm, tiny_encoder):
    monkeypatch.setattr("core.models.registry.Models", lambda settings: TinyModels(settings, tiny_lm, tiny_encoder))
    document, folder = tmp_path / "a.txt", tmp_path / "workspaces" / "mine"
    document.write_text("The bridge of Velm was built by Mara Lind.")
    assert run(cli, ["prepare", "--dataset", str(document), "-w", "mine"]).exit_code == 0
    refused = run(cli, ["delete", "-w", "mine"], input="n\n")
    assert refused.exit_code == 1 and str(folder) in refused.stderr and "Nothing was deleted" in refused.stderr
    assert run(cli, ["delete", "-w", "mine"]).exit_code == 1, "nobody there to ask"
    listed = one_object(run(cli, ["delete", "-w", "mine", "--json"]))
    assert not listed["deleted"] and listed["belongings"][0]["where"] == str(folder)
    assert folder.is_dir()
    assert run(cli, ["delete", "-w", "mine"], input="y\n").exit_code == 0
    assert not folder.exists()
    assert run(cli, ["delete", "-w", "mine", "--yes"]).exit_code == 1
    assert run(cli, ["delete", "-w", "sample", "--yes"]).exit_code == 1


def test_a_question_in_a_script_that_no_model_knows_gets_a_warning_and_a_way_out(
    tmp_path, monkeypatch, tiny_lm, tiny_encoder
):
    monkeypatch.setattr("core.models.registry.Models", lambda settings: TinyModels(settings, tiny_lm, tiny_encoder))
    document = tmp_path / "a.txt"
    document.write_text("The bridge of Velm was built by Mara Lind.")
    assert run(cli, ["prepare", "--dataset", str(document), "-w", "mine"]).exit_code == 0
    thai = ["--text", "ใครสร้างสะพาน", "-w", "mine"]
    encoder, reader = one_object(run(cli, ["query", *thai, "--method", "rag", "--json"]))["warnings"]
    assert "encoder tiny" in encoder and "TESSERA_ENCODER=multilingual-e5-small" in encoder
    assert reader.startswith("This model answers English only") and "TESSERA_MODEL" in reader
    assert one_object(run(cli, ["query", *thai, "--method", "closed-book", "--json"]))["warnings"] == [reader]
    assert one_object(run(cli, ["search", *thai, "--store", "faiss-flat", "--json"]))["warnings"] == [encoder]
    assert "multilingual-e5-small" in run(cli, ["query", *thai, "--method", "rag"]).stderr
    english = ["query", "--text", "Who built the bridge?", "-w", "mine", "--method", "rag", "--json"]
    assert one_object(run(cli, english))["warnings"] == []


def test_an_unknown_option_is_exit_code_2():
    assert run(cli, ["query", "--colour", "red"]).exit_code == 2


def test_prepare_lists_the_files_it_left_out(tmp_path, monkeypatch, tiny_lm, tiny_encoder):
    monkeypatch.setattr("core.models.registry.Models", lambda settings: TinyModels(settings, tiny_lm, tiny_encoder))
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bell.txt").write_text("The bell of Velm rings at noon.", encoding="utf-8")
    (folder / "rows.csv").write_bytes(b"title,text\nB,ca\x00ht\n")
    arguments = ["prepare", "--dataset", str(folder), "--workspace", "mine"]
    plain = run(cli, arguments)
    assert plain.exit_code == 0, plain.output
    assert "Left out: rows.csv, line 2" in plain.stderr
    (refused,) = one_object(run(cli, [*arguments, "--json"]))["left_out"]
    assert refused["name"] == "rows.csv" and "NUL" in refused["error"]


def test_prepare_proposes_the_column_and_says_what_was_assumed(tmp_path, monkeypatch, tiny_lm, tiny_encoder):
    monkeypatch.setattr("core.models.registry.Models", lambda settings: TinyModels(settings, tiny_lm, tiny_encoder))
    table = tmp_path / "lamps.csv"
    table.write_bytes("Nr;Kürze Beschreibung\n1;The lamp of Brae burns for nine hours.\n".encode("cp1252"))
    arguments = ["prepare", "--dataset", str(table), "--workspace", "lamps"]
    failed = run(cli, arguments)
    assert failed.exit_code == 1
    assert "Add --text-column 'Kürze Beschreibung'" in failed.output + failed.stderr
    done = run(cli, [*arguments, "--text-column", "Kürze Beschreibung", "--id-column", "Nr"])
    assert done.exit_code == 0, done.output
    assert "lamps.csv: read as CP1252, which was assumed" in done.stderr


def notes_about_orrin(tmp_path):
    notes = tmp_path / "notes.md"
    notes.write_text(
        "# The mill\n\nThe mill at Orrin was built by Dana Pell. It grinds barley.\n\n"
        "# The bridge\n\nThe bridge at Orrin is 90 metres long and made of oak.\n\n"
        "# The inn\n\nThe inn at Orrin is called the Blue Hen and serves eel pie.\n",
        encoding="utf-8",
    )
    return str(notes)


@pytest.mark.real
@pytest.mark.slow
def test_caches_of_the_default_model_are_exact(tmp_path):
    assert run(cli, ["prepare", "--dataset", notes_about_orrin(tmp_path), "-w", "notes"]).exit_code == 0
    assert run(cli, ["cluster", "--no-auto-k", "--k", "2", "-w", "notes"]).exit_code == 0
    verified = one_object(run(cli, ["verify", "-w", "notes", "--cells", "1", "--json"]))
    assert verified["exact"] and len(verified["checks"]) >= 4  # bfloat16 has two more


@pytest.mark.real
def test_from_a_file_to_an_answer(tmp_path):
    prepared = one_object(
        run(cli, ["prepare", "--dataset", notes_about_orrin(tmp_path), "--workspace", "notes", "--json"])
    )
    assert prepared["passages"] >= 3
    clustered = one_object(run(cli, ["cluster", "--no-auto-k", "--k", "2", "-w", "notes", "--json"]))
    assert clustered["cells"] == 2
    cached = one_object(run(cli, ["cache", "-w", "notes", "--json"]))
    assert cached["cells"] == prepared["passages"] and cached["bytes"] > cached["tokens"]
    question = "Who built the mill at Orrin?"
    report = one_object(run(cli, ["query", "-w", "notes", "--text", question, "--method", "rag,cag", "--json"]))
    assert {"question", "model", "encoder", "device", "dtype", "answers"} <= set(report)
    assert report["question"] == question
    for answered, method in zip(report["answers"], ("rag", "cag"), strict=True):
        assert answered["method"] == method and "Dana Pell" in answered["answer"]
        assert set(answered["evidence"][0]) == {"passage_id", "title", "text", "score", "source", "cited"}
        trace = answered["trace"]
        assert 0 < trace["ttft_ms"] <= trace["total_ms"]
        assert {"name", "ms"} <= set(trace["spans"][0])
    assert report["answers"][1]["trace"]["cached_tokens"] > 0 == report["answers"][0]["trace"]["cached_tokens"]
    missing = run(cli, ["query", "-w", "notes", "--text", question, "--method", "memory", "--json"])
    assert missing.exit_code == 1 and "train" in one_object(missing)["remedy"]
