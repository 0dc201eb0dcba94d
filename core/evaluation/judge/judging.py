"""Has a judge score the kept answers of a run; the scores stand beside the answers, in ``judged.jsonl``.

What has been judged is not judged again: a killed or cancelled judging goes on where it stopped. Another judge begins
anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from core.errors import TesseraError
from core.evaluation.judge import ragas_worker
from core.evaluation.judge.config import KEY_VARIABLE, Judge
from core.evaluation.judge.kept import FILE, judged_rows, place_of
from core.evaluation.runs import close_last_line, read_answers, read_run, write_run
from core.jobs import Progress, Work

STAGE = "Judging answers"
_HOPELESS = 3


def judge_run(folder: Path, judge: Judge, python: Path, arms: Sequence[str] | None = None) -> Work:
    """Scores every answer of a run that its judge has not scored yet.

    Args:
        folder: Of the run.
        judge: Who judges; the run remembers its name.
        python: Of the environment in which Ragas is installed.
        arms: Which; None takes all that the run has.

    Yields:
        A step per answer; its ``data`` hold the scores.

    Raises:
        TesseraError: The run cannot be read, or the judge cannot be asked.
    """
    run = read_run(folder)
    keys = {name: facts["key"] for name, facts in run["arms"].items() if arms is None or name in arms}
    rows = [row for found in read_answers(folder, keys, run["questions"]["ids"]).values() for row in found.values()]
    rows = [row for row in rows if row["answer"].strip()]
    if run.get("judge", {}).get("fingerprint") != judge.fingerprint:
        (folder / FILE).unlink(missing_ok=True)
    write_run(folder, {**run, "judge": {"name": judge.name, "fingerprint": judge.fingerprint, "by": "Ragas"}})
    there = judged_rows(folder)
    pending = [row for row in rows if place_of(row) not in there]
    done = len(rows) - len(pending)
    yield Progress(STAGE, done, len(rows), judge.name)
    failed = 0
    close_last_line(folder / FILE)
    with (folder / FILE).open("a", encoding="utf-8") as log:
        for row, reply in _replies(pending, judge, python):
            done += 1
            if "error" in reply:
                failed += 1
                _refuse_hopeless(failed, done - (len(rows) - len(pending)), reply["error"])
            else:
                place = dict(zip(("arm", "key", "question_id"), place_of(row), strict=True))
                log.write(json.dumps({**place, "scores": reply["scores"]}) + "\n")
                log.flush()
            yield Progress(STAGE, done, len(rows), row["arm"], {"arm": row["arm"], **reply.get("scores", {})})
    write_run(folder, read_run(folder))  # whoever has read the run sees that it has changed
    yield Progress(STAGE, len(rows), len(rows), f"{failed} could not be judged" if failed else "")


def _refuse_hopeless(failed: int, asked: int, error: str) -> None:
    """Single answers may be too much for a judge; when the first ones all fail, it is the judge."""
    if failed == asked >= _HOPELESS or "AuthenticationError" in error:
        key = os.environ.get(KEY_VARIABLE)
        said = (error.replace(key, "***") if key else error).splitlines()[0][:300]
        raise TesseraError(
            f"The judge cannot be asked ({said}).",
            f"Check TESSERA_JUDGE_URL, TESSERA_JUDGE_MODEL and {KEY_VARIABLE}, then judge again: what is scored stays.",
        )


def _replies(
    rows: Sequence[Mapping[str, Any]], judge: Judge, python: Path
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    """Each row with what the worker says of it, in the order in which it is done."""
    if not rows:
        return
    environment = {**os.environ, "RAGAS_DO_NOT_TRACK": "true", "PYTHONUTF8": "1"}
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as complaints:
        asked.write(_lines(rows, judge))
        asked.seek(0)
        worker = subprocess.Popen(
            [str(python), "-I", str(ragas_worker.__file__)],
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
            encoding="utf-8",
        )
        try:
            assert worker.stdout is not None
            for line in worker.stdout:
                reply = json.loads(line)
                yield rows[reply["index"]], reply
            if worker.wait():
                raise TesseraError(f"Ragas ended with an error ({_last_line(complaints)}).", "Run `make ragas` again.")
        finally:
            worker.kill()
            worker.wait()


def _lines(rows: Sequence[Mapping[str, Any]], judge: Judge) -> bytes:
    config = {"url": judge.url, "model": judge.model, "embeddings": judge.embeddings, "timeout_s": judge.timeout_s}
    samples = [
        {
            "question": row["question"],
            "answer": row["answer"],
            "contexts": [text for piece in row["evidence"] if (text := piece["text"].strip())],
        }
        for row in rows
    ]
    return "".join(json.dumps(line) + "\n" for line in [config, *samples]).encode()


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "no message"
