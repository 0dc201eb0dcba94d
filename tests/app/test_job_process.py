"""A job in a process of its own: what it does there, how it ends, and that it takes turns where it has a clock."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app.job_process import ProcessWork, Task
from core.fair_lock import FairLock
from core.jobs import Job, JobState
from core.settings import ROOT, Settings
from tests.app import job_builders
from tests.turns import queued

PATIENCE_S = 300


def started(tmp_path, make, turns=None, timed=False, **given):
    work = ProcessWork(Task(tmp_path, Settings(top_k=7), make, given, timed), turns or FairLock())
    return Job("a job", work.steps, work.cancel).start()


def finished(job):
    job.join(PATIENCE_S)
    return job.report()


def until(holds, what):
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()


def pid_of(job):
    until(lambda: job.report().history, "it has begun")
    return job.report().history[0]["pid"]


@pytest.fixture
def default_priority(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    return os.nice(0)


@pytest.mark.parametrize("timed", [False, True])
def test_it_works_elsewhere_and_gives_way_unless_it_has_a_clock(tmp_path, default_priority, timed):
    report = finished(started(tmp_path, job_builders.describes_its_process, timed=timed, text="a"))
    assert (report.state, report.error) == (JobState.DONE, "")
    facts = report.history[0]
    assert facts["pid"] != os.getpid()
    assert facts["given"] == (tmp_path, 7, "Models", "a")
    assert report.progress.note.pattern == "{n:,} looks"
    if timed:
        assert (facts["nice"], facts["spins"]) == (default_priority, None)
    else:
        assert facts["spins"] == "1000" and (facts["nice"] > default_priority or default_priority)
    assert not {"streamlit", "plotly", "gradio", "pandas"} & set(facts["modules"])


def test_cancelling_closes_the_builder_after_its_step(tmp_path):
    job = started(tmp_path, job_builders.goes_on_until_closed, marker=tmp_path / "closed")
    pid = pid_of(job)
    job.cancel()
    assert finished(job).state is JobState.CANCELLED
    assert (tmp_path / "closed").read_text() == "closed"
    assert not is_alive(pid)


def test_cancelled_before_its_first_step_it_ends_at_once(tmp_path):
    job = started(tmp_path, job_builders.goes_on_until_closed, marker=tmp_path / "closed")
    job.cancel()
    assert finished(job).state is JobState.CANCELLED


def test_failures_carry_their_remedy_and_bugs_their_traceback(tmp_path):
    failure = finished(started(tmp_path, job_builders.fails, bug=False))
    assert (failure.state, failure.error) == (JobState.FAILED, "The disk 'd' is full. Free some space.")
    assert failure.error.values["what"].pattern == "The disk {name!r} is full."
    bug = finished(started(tmp_path, job_builders.fails, bug=True))
    assert "KeyError" in bug.error and "job_builders.py" in bug.details


def test_a_process_that_is_killed_is_a_sentence(tmp_path):
    job = started(tmp_path, job_builders.goes_on_until_closed, marker=tmp_path / "closed")
    os.kill(pid_of(job), signal.SIGKILL)
    report = finished(job)
    assert report.state is JobState.FAILED and "was ended (code -9)" in report.error and not report.details


def test_it_ends_with_the_app_however_that_ends(tmp_path):
    app = (
        "import sys; from pathlib import Path; from tests.app.test_job_process import *\n"
        "folder = Path(sys.argv[1])\n"
        "job = started(folder, job_builders.goes_on_until_closed, marker=folder / 'closed')\n"
        "print(pid_of(job), flush=True); job.join()"
    )
    process = subprocess.Popen([sys.executable, "-c", app, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(process.stdout.readline())
    assert is_alive(pid)
    process.kill()
    process.communicate()
    until(lambda: not is_alive(pid), "the job has ended")


def test_a_job_with_a_clock_queues_with_those_who_ask(tmp_path):
    turns, seen = FairLock(), []
    with turns:
        job = started(tmp_path, job_builders.takes_turns, turns, timed=True)
        until(lambda: job.report().progress and job.report().progress.stage == "Waiting for the models", "it waits")
        assert job.report().progress.note == "1 before this one"
        assert not job.report().history

        def asks():
            with turns:
                seen.append([step["inside"] for step in job.report().history])

        # Came after the job: its turn is behind the job's first, and before its second or behind it, never within.
        somebody = threading.Thread(target=asks)
        somebody.start()
        until(lambda: queued(turns) == 3, "somebody else waits, too")
    report = finished(job)
    somebody.join(PATIENCE_S)
    assert report.state is JobState.DONE and len(report.history) == 2
    assert len(seen[0]) in (1, 2) and queued(turns) == 0


def test_a_job_that_waits_for_its_turn_can_be_cancelled(tmp_path):
    turns = FairLock()
    with turns:
        job = started(tmp_path, job_builders.takes_turns, turns, timed=True)
        until(lambda: job.report().progress and job.report().progress.stage == "Waiting for the models", "it waits")
        job.cancel()
        assert finished(job).state is JobState.CANCELLED
    assert queued(turns) == 0
