"""Has a judge model score the saved answers of a run; the scores are saved in ``judged.jsonl``.

What has been judged is not judged again: a killed or cancelled judging goes on where it stopped. Another judge begins
anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from core.digests import text_digest
from core.errors import TesseraError
from core.evaluation.runs import JUDGED_FILE, answer_key, append_scores, read_answers, read_run, read_scores, write_run
from core.jobs import Progress, Work
from core.labs.judge import ragas_worker
from core.messages import message
from core.models.server import Server
from core.settings import ROOT, Settings

STAGE = "Judging answers"
_HOPELESS = 3


def judge_run(folder: Path, judge: Judge, python: Path, methods: Sequence[str] | None = None) -> Work:
    """Scores every answer of a run that its judge has not scored yet.

    Args:
        judge: Who judges; the run remembers its name.
        python: Of the environment in which Ragas is installed.

    Yields:
        A step per answer; its ``data`` hold the scores.

    Raises:
        TesseraError: The run cannot be read, or the judge cannot be asked.
    """
    run = read_run(folder)
    keys = {name: facts["key"] for name, facts in run["methods"].items() if methods is None or name in methods}
    answers = read_answers(folder, keys, run["questions"]["ids"])
    rows = [row for by_question in answers.values() for row in by_question.values() if row["answer"].strip()]
    if run.get("judge", {}).get("fingerprint") != judge.fingerprint:
        (folder / JUDGED_FILE).unlink(missing_ok=True)
    write_run(folder, {**run, "judge": {"name": judge.name, "fingerprint": judge.fingerprint, "by": "Ragas"}})
    scored = read_scores(folder)
    pending = [row for row in rows if answer_key(row) not in scored]
    done = len(rows) - len(pending)
    yield Progress(STAGE, done, len(rows), judge.name)
    failed = 0
    for row, reply in _replies(pending, judge, python):
        done += 1
        if "error" in reply:
            failed += 1
            _refuse_hopeless(judge, failed, done - (len(rows) - len(pending)), reply["error"])
        else:
            append_scores(folder, row, reply["scores"])
        yield Progress(STAGE, done, len(rows), row["method"], {"method": row["method"], **reply.get("scores", {})})
    write_run(folder, read_run(folder))  # a new modification time tells readers that the run has changed
    yield Progress(STAGE, len(rows), len(rows), message("{n} could not be judged", n=failed) if failed else "")


def _refuse_hopeless(judge: Judge, failed: int, judged: int, error: str) -> None:
    """Single answers may be too much for a judge; when the first ones all fail, it is the judge."""
    if failed == judged >= _HOPELESS or "AuthenticationError" in error:
        reason = judge.server.scrubbed(error).splitlines()[0]
        raise TesseraError(
            message("The judge cannot be asked ({reason}).", reason=reason),
            message(
                "Check {variable}_URL, {variable}_MODEL and {variable}_KEY, then judge again: scores are kept.",
                variable=judge.server.variables,
            ),
        )


def _replies(
    rows: Sequence[Mapping[str, Any]], judge: Judge, python: Path
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    """Each row with what the worker says of it, in the order in which it is done."""
    if not rows:
        return
    environment = {**os.environ, "RAGAS_DO_NOT_TRACK": "true", "PYTHONUTF8": "1"}
    environment[KEY_VARIABLE] = judge.server.key.get_secret_value()
    with tempfile.TemporaryFile() as samples, tempfile.TemporaryFile() as errors:
        samples.write(_lines(rows, judge))
        samples.seek(0)
        worker = subprocess.Popen(
            [str(python), "-I", str(ragas_worker.__file__)],
            stdin=samples,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            encoding="utf-8",
        )
        try:
            assert worker.stdout is not None
            for line in worker.stdout:
                reply = json.loads(line)
                yield rows[reply["index"]], reply
            if worker.wait():
                what = message("Ragas ended with an error ({line}).", line=_last_line(errors))
                raise TesseraError(what, "Run `make ragas` again.")
        finally:
            worker.kill()
            worker.wait()


def _lines(rows: Sequence[Mapping[str, Any]], judge: Judge) -> bytes:
    server = judge.server
    config = {"url": server.url, "model": server.model, "embeddings": judge.embeddings, "timeout_s": server.timeout_s}
    samples = [
        {
            "question": row["question"],
            "answer": row["answer"],
            "contexts": [text for piece in row["evidence"] if (text := piece["text"].strip())],
        }
        for row in rows
    ]
    return "".join(json.dumps(line) + "\n" for line in [config, *samples]).encode()


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "no message"


KEY_VARIABLE = "TESSERA_JUDGE_KEY"
"""Where the judging process finds the server's key."""
RAGAS = ROOT / ".venv-ragas"
_HOW = "Set TESSERA_JUDGE_URL and TESSERA_JUDGE_MODEL to an OpenAI-compatible server."


@dataclass(frozen=True)
class Judge:
    """A judge model.

    Attributes:
        embeddings: Name of an embedding model there, for answer relevancy; empty leaves that metric out.
    """

    server: Server
    embeddings: str = ""

    @classmethod
    def from_settings(cls, settings: Settings) -> Judge:
        """The judge that the settings name.

        Raises:
            TesseraError: They name none.
        """
        if not (settings.judge_url or settings.engine_url):
            raise TesseraError("No judge is named.", _HOW)
        return cls(Server.judging(settings), settings.judge_embeddings)

    @property
    def name(self) -> str:
        """Model and host, for people."""
        return self.server.name

    @property
    def fingerprint(self) -> str:
        """Tells judges apart whose scores must not be mixed."""
        facts = f"{self.server.url}\n{self.server.model}\n{self.embeddings}"
        return text_digest(facts, 12)


def ragas_python(environment: Path = RAGAS) -> Path:
    """The interpreter beside which Ragas is installed.

    Raises:
        TesseraError: There is none.
    """
    python = environment / "bin" / "python"
    if not python.is_file() or not (environment / ".installed").is_file():
        what = message("Ragas is not installed in {folder}.", folder=environment)
        raise TesseraError(what, "Run `make ragas` once (about 1 GB of disk).")
    return python
