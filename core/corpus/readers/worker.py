"""Readers run in a process of their own, which is ended when a file takes too long or too much memory, or on cancel.

    with ReaderProcess() as readers:
        document = yield from readers.read(name, content)     # yields while it waits

Parsers are large, many of them are written in C, and files are hostile until shown otherwise. What a file may cost is
therefore held by the operating system: seconds of CPU and bytes of memory. Both sides speak JSON, so that nothing that
a broken reader says can do more than be wrong. The process is kept for the next file; starting one takes 0.3 seconds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, replace
from typing import IO, Any

from core.corpus.limits import check_size, refused
from core.corpus.readers.base import DEFAULT_COLUMNS, ColumnChoice, Columns, ColumnsUnknown, Document
from core.errors import CorpusError
from core.messages import Message, message

MAX_SECONDS = 60
"""Seconds of CPU for one file."""
MAX_MEMORY = 1_500 * 2**20
"""Bytes of memory of the process that reads it."""
_PATIENCE = 10
"""How many times as long a file may take by the clock: the machine has other work."""
_POLL_S = 0.2
FOLDER = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))  # noqa: PTH100, PTH118, PTH120
"""Where a process of its own finds this package."""


class ReaderProcess:
    """Reads files one after another in another process.

    Args:
        seconds: CPU seconds for one file.
    """

    def __init__(self, seconds: float = MAX_SECONDS, memory: int = MAX_MEMORY) -> None:
        self._seconds, self._memory = seconds, memory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ReaderProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process at once, whatever it is doing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()

    def read(self, name: str, content: bytes, columns: Columns = DEFAULT_COLUMNS) -> Generator[float, None, Document]:
        """Reads a file; see ``registry.read_document``. Closing the generator ends the reading.

        Yields:
            Seconds since it began, while it waits.

        Raises:
            CorpusError: It cannot be read, or takes more time or memory than a file may.
        """
        check_size(name, len(content))
        process = self._process = self._process or self._start()
        exchange = _Exchange(process, name, content, columns)
        began = time.monotonic()
        try:
            while not exchange.wait(_POLL_S):
                if time.monotonic() - began > self._seconds * _PATIENCE:
                    raise self._too_slow(name)
                yield time.monotonic() - began
            if exchange.reply is None:
                raise self._ended(name, process.wait())
        finally:
            if exchange.reply is None or exchange.reply.get("last"):
                self.close()
        return _understood(exchange.reply)

    def _start(self) -> subprocess.Popen[bytes]:
        limits = [str(self._seconds), str(self._memory)]
        # Each arena of malloc would count as memory of its own.
        environment = {**os.environ, "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": FOLDER}
        return subprocess.Popen(
            [sys.executable, "-m", __name__, *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # parsers warn there of what they mend
            cwd=FOLDER,
            env=environment,
        )

    def _too_slow(self, name: str) -> CorpusError:
        why = message("takes more than {n:,.0f} seconds to read", n=self._seconds)
        return refused(name, why, "Split it, or save it as text.")

    def _ended(self, name: str, code: int) -> CorpusError:
        if code in (-getattr(signal, "SIGXCPU", 0), -getattr(signal, "SIGKILL", 0)):
            return self._too_slow(name)
        if code == -signal.SIGABRT:  # how libraries in C end when they get no more memory
            return _too_large(name, self._memory)
        why = message("broke its reader, as damaged files do (code {code})", code=code)
        return refused(name, why, "Save it again, or save it as text.")


class _Exchange:
    """One request under way: a thread sends it and waits for the reply, so that a full pipe blocks no one else."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, content: bytes, columns: Columns) -> None:
        self.reply: dict[str, Any] | None = None
        header = {"name": name, "bytes": len(content), "columns": asdict(columns)}
        self._thread = threading.Thread(target=self._run, args=(process, header, content), daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self, process: subprocess.Popen[bytes], header: dict[str, Any], content: bytes) -> None:
        if process.stdin is None or process.stdout is None:
            return
        try:
            process.stdin.write(json.dumps(header).encode() + b"\n")
            process.stdin.write(content)
            process.stdin.flush()
            line = process.stdout.readline()
            self.reply = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):  # the process has ended: no reply says so
            self.reply = None


def _understood(reply: Mapping[str, Any]) -> Document:
    if "error" in reply:
        what, remedy = _message(reply["error"]), _message(reply["remedy"])
        if "choice" in reply:
            names, rows, proposed = reply["choice"]
            raise ColumnsUnknown(what, remedy, ColumnChoice(tuple(names), tuple(map(tuple, rows)), proposed))
        raise CorpusError(what, remedy)
    from pydantic import TypeAdapter  # the process that reads needs none of it

    document: Document = TypeAdapter(Document).validate_python({**reply, "note": ""})
    return replace(document, note=_message(reply["note"]))


def _message(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Message(value["pattern"], {name: _message(inner) for name, inner in value["values"].items()})
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return {"pattern": value.pattern, "values": {name: _plain(inner) for name, inner in value.values.items()}}
    return value if isinstance(value, (str, int, float)) else str(value)


def _too_large(name: str, memory: int) -> CorpusError:
    why = message("takes more than {n:,.0f} MB of memory to read", n=memory / 2**20)
    return refused(name, why, "Split it into smaller files.")


def _answer(name: str, content: bytes, columns: Columns, memory: int) -> dict[str, Any]:
    """The reply of the process about a file."""
    from core.corpus.readers.registry import read_document

    try:
        document = read_document(name, content, columns)
    except ColumnsUnknown as error:
        choice = (error.choice.names, error.choice.rows, error.choice.proposed)
        return {"error": _plain(error.what), "remedy": _plain(error.remedy), "choice": choice}
    except CorpusError as error:
        return {"error": _plain(error.what), "remedy": _plain(error.remedy)}
    except MemoryError:
        refusal = _too_large(name, memory)
        return {"error": _plain(refusal.what), "remedy": _plain(refusal.remedy), "last": True}
    return {**asdict(document), "note": _plain(document.note)}


def _serve(requests: IO[bytes], replies: IO[bytes], seconds: float, memory: int) -> None:
    """Reads files until standard input ends."""
    limit_memory(memory)
    while line := requests.readline():
        header = json.loads(line)
        content = requests.read(header["bytes"])
        limit_time(seconds)
        reply = _answer(header["name"], content, Columns(**header["columns"]), memory)
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()
        if reply.get("last"):
            return


def limit_memory(memory: int) -> None:
    """Lets this process have so many bytes, where the operating system can hold it to that."""
    try:
        import resource
    except ImportError:  # Windows: the clock alone
        return
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def limit_time(seconds: float) -> None:
    """Lets this process compute for so many seconds more."""
    try:
        import resource
    except ImportError:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no reply
    _serve(requests, replies, float(sys.argv[1]), int(sys.argv[2]))
