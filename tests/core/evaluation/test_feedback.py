import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, replace

import pytest

from core.errors import TesseraError
from core.evaluation.feedback import (
    FILE,
    NOTE_LIMIT,
    Feedback,
    FileFeedback,
    RedisFeedback,
    StoredFeedback,
    feedback_log,
    rank,
    to_csv,
    to_json,
)
from core.jsonl import encoded
from core.settings import ROOT, Settings
from core.stores.redis.connection import connection
from core.workspace import Workspace


def judged(method, up, down):
    return [
        Feedback(f"q{number}", method, "a", 1 if number < up else -1, asked=str(number)) for number in range(up + down)
    ]


def test_one_lucky_vote_does_not_lead():
    ranks = rank([*judged("lucky", 1, 0), *judged("steady", 18, 2), *judged("poor", 1, 9)])
    assert [(entry.method, entry.up, entry.n) for entry in ranks] == [
        ("steady", 18, 20),
        ("lucky", 1, 1),
        ("poor", 1, 10),
    ]
    assert all(entry.lower <= entry.up / entry.n <= entry.upper for entry in ranks)


def test_nobody_has_judged():
    assert rank([]) == []


LIKED = Feedback(
    "Who built the lighthouse?", "rag", "Oren Pask", 1, "right, and short", {"model": "tiny", "top_k": 3}, "2026-01-01"
)
ADDING = """
import sys
from core.evaluation.feedback import Feedback
from core.evaluation.feedback import feedback_log
from core.settings import Settings
from core.workspace import Workspace
from pathlib import Path
log = feedback_log(Workspace(Path(sys.argv[1])), Settings(feedback=sys.argv[2]))
for number in range(20):
    log.add(Feedback(f"question {number} of {sys.argv[3]}", "rag", "x" * 5000, 1))
"""


@pytest.fixture(params=["file", "redis"])
def kind(request):
    return request.param


@pytest.fixture
def log(kind, tmp_path):
    return feedback_log(Workspace(tmp_path / "notes"), Settings(feedback=kind))


def test_the_settings_choose_it(log, kind):
    assert isinstance(log, {"file": FileFeedback, "redis": RedisFeedback}[kind])


def test_what_was_added_is_there_after_opening_it_again(log, kind, tmp_path):
    assert log.all().feedback == []
    log.add(LIKED)
    odd = replace(LIKED, answer="a \u2028 \n '; DROP \x00 도서관 <b>", rating=-1, note="")
    log.add(odd)
    again = feedback_log(Workspace(tmp_path / "notes"), Settings(feedback=kind))
    assert sorted(again.all().feedback, key=lambda found: found.rating) == [odd, LIKED]


def test_a_second_judgement_of_the_same_answer_replaces_the_first(log):
    log.add(LIKED)
    changed = replace(LIKED, rating=-1, note="wrong after all")
    log.add(changed)
    assert log.all().feedback == [changed]
    log.add(replace(LIKED, method="cag"))
    log.add(replace(LIKED, asked="2026-02-02"))
    assert len(log.all().feedback) == 3


def test_workspaces_do_not_share(log, kind, tmp_path):
    log.add(LIKED)
    assert feedback_log(Workspace(tmp_path / "other" / "notes"), Settings(feedback=kind)).all().feedback == []


def test_many_threads_and_processes_add_at_once(log, kind, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [str(tmp_path / "notes"), kind]
    processes = [
        subprocess.Popen([sys.executable, "-c", ADDING, *arguments, str(number)], cwd=ROOT, env=environment)
        for number in range(2)
    ]

    def add(number):
        for each in range(10):
            log.add(replace(LIKED, question=f"{number} {each}"))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    assert len(log.all().feedback) == 2 * 20 + 4 * 10


def test_feedback_outlives_the_kill_of_the_server(tmp_path):
    log = RedisFeedback(f"kill-{tmp_path.name}")
    for number in range(30):
        log.add(replace(LIKED, question=str(number)))
    os.kill(connection().embedded.address().pid, signal.SIGKILL)
    assert {found.question for found in log.all().feedback} == {str(number) for number in range(30)}


def test_a_line_cut_short_by_a_kill_costs_only_itself(tmp_path):
    log = FileFeedback(tmp_path)
    log.add(LIKED)
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"question": "half')
    assert log.all() == StoredFeedback([LIKED], 1)
    after = replace(LIKED, question="after")
    log.add(after)
    assert log.all() == StoredFeedback([LIKED, after], 1)


DAMAGED = (b"{", b"[]", b"null", b"\xff", b'{"question": "q"}')
CHANGED = [json.dumps({**asdict(LIKED), **wrong}).encode() for wrong in ({"rating": 7}, {"answer": 5}, {"note": None})]


@pytest.mark.parametrize("line", [*DAMAGED, *CHANGED, encoded(asdict(LIKED)).replace(b"Oren", b"Oran")])
def test_a_damaged_record_costs_only_itself(log, kind, tmp_path, line):
    log.add(LIKED)
    if kind == "file":
        with (tmp_path / "notes" / FILE).open("ab") as file:
            file.write(line + b"\n")
    else:
        connection().client().hset(log._key, "damaged", line)
    assert log.all() == StoredFeedback([LIKED], 1)


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TesseraError, match="cannot be written"):
        FileFeedback(tmp_path / "file").add(LIKED)


@pytest.mark.parametrize("wrong", [{"rating": 0}, {"rating": 5}, {"note": "x" * (NOTE_LIMIT + 1)}])
def test_senseless_feedback_is_refused(wrong):
    with pytest.raises(TesseraError):
        replace(LIKED, **wrong)


def test_export_holds_everything_and_no_formula():
    feedback = [LIKED, replace(LIKED, answer='=HYPERLINK("http://x")', note="@me", rating=-1)]
    assert [Feedback(**facts) for facts in json.loads(to_json(feedback))] == feedback
    rows = list(csv.DictReader(io.StringIO(to_csv(feedback))))
    assert rows[0]["method"] == "rag" and rows[0]["rating"] == "1" and json.loads(rows[0]["settings"])["top_k"] == 3
    assert rows[1]["answer"].startswith("'=") and rows[1]["note"] == "'@me"
