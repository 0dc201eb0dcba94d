from core.corpus.types import Question
from core.methods.base import Answer, Evidence
from core.methods.comparison import Choices, Run, RunContext
from core.methods.saved_runs import MOST_SAVED, save_run, saved_run, saved_runs
from core.trace import Span, Trace
from core.workspace import Workspace

TRACE = Trace((Span("prefill", 1.0, 20.0),), 25.0, 40.0, 100, 7, 3, 5_000)


def run(number=0, **facts):
    made = Run(
        Choices("tiny", f"Who built it? {number}", ("rag", "cag"), True, 3),
        gold=Question("q", "Who built it?", ("Oren Pask",), ("p1",)),
        status="done",
        context=RunContext("tiny", True, "mini", "CPU, 2 threads", "bfloat16"),
        asked=f"2026-01-01T00:{number:02}:00+00:00",
        **facts,
    )
    made.answers["rag"] = Answer("rag", "Who?", "Pask", (Evidence("p1", "t", "text", 0.5),), TRACE, {"top_k": 3})
    made.failures["cag"] = ("No caches.", "Build them.")
    made.repeats["rag"] = [TRACE, TRACE]
    made.stamps["rag"] = [(12.5, "answer", "Pa"), (14.0, "answer", "sk")]
    return made


def test_a_run_comes_back_as_it_was(tmp_path):
    ws, one = Workspace(tmp_path / "tiny"), run()
    save_run(ws, one)
    assert saved_run(ws, one.id) == one
    one.pinned = True
    save_run(ws, one)
    assert [found.pinned for found in saved_runs(ws)] == [True]
    assert saved_run(ws, "nope") is None and saved_run(ws, "") is None


def test_the_oldest_that_is_not_pinned_makes_room(tmp_path):
    ws = Workspace(tmp_path / "tiny")
    save_run(ws, run(0, pinned=True))
    for number in range(1, MOST_SAVED + 3):
        save_run(ws, run(number))
    kept = [found.choices.question.rpartition(" ")[2] for found in saved_runs(ws)]
    assert kept == [*(str(number) for number in range(MOST_SAVED + 2, 2, -1)), "0"]


def test_of_a_run_from_before_z_were_read_in_turn_the_reading_is_known(tmp_path):
    ws, one = Workspace(tmp_path / "tiny"), run()
    one.answers["memory"] = Answer("memory", "Who?", "Pask", (), TRACE, {"read": ["p1", "p2"], "soft_tokens": 9})
    lists = {"asked": [["p1"], ["p2"]], "soft_tokens": [4, 5], "whole": [False, True], "spelled": ["a", "b"]}
    one.answers["shuffled-memory"] = Answer("shuffled-memory", "Who?", "Pask", (), TRACE, {"read": ["p2"], **lists})
    save_run(ws, one)
    answers = saved_run(ws, one.id).answers
    (reading,) = answers["memory"].details["readings"]
    assert (list(reading["passage_ids"]), reading["vectors"], reading["whole"]) == (["p1", "p2"], 9, True)
    turns = answers["shuffled-memory"].details["readings"]
    assert [list(each.values()) for each in turns] == [[["p1"], 4, False, "a"], [["p2"], 5, True, "b"]]
    assert saved_run(ws, one.id).answers["rag"] == one.answers["rag"]


def test_a_file_of_another_version_is_passed_over(tmp_path):
    ws = Workspace(tmp_path / "tiny")
    save_run(ws, run())
    (ws.path / "comparisons" / "old.json").write_text("{}")
    assert len(saved_runs(ws)) == 1
