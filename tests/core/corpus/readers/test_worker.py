"""Readers in a process of their own: limits of time and memory, cancelling, and what crosses over."""

import gzip
import os
import time

import pytest

from core.corpus.readers.base import Columns, ColumnsUnknown
from core.corpus.readers.registry import read_document
from core.corpus.readers.worker import ReaderProcess
from core.errors import CorpusError
from core.messages import Message
from tests.core.corpus.readers import made
from tests.generators import result_of

ENDLESS = ("[" * 60 + "\n\n") * 60_000
"""Markdown that takes its parser minutes."""


@pytest.mark.parametrize("label", ["PDF", "CSV", "XLSX"])
def test_what_comes_back_is_what_the_reader_returned(label):
    name = {"PDF": "a.pdf", "CSV": "a.csv", "XLSX": "a.xlsx"}[label]
    with ReaderProcess() as process:
        for _ in range(2):  # the same process reads them both
            assert result_of(process.read(name, made.FILES[label])) == read_document(name, made.FILES[label])


def test_questions_come_back_too():
    row = b'{"id": "q", "title": "T", "context": "A well.", "question": "What?", "answers": {"text": ["well"]}}'
    with ReaderProcess() as process:
        assert result_of(process.read("a.jsonl", row)) == read_document("a.jsonl", row)


def test_a_refusal_can_be_said_in_another_language():
    with ReaderProcess() as process, pytest.raises(CorpusError) as caught:
        result_of(process.read("a.txt", b"one\ntw\0o"))
    assert isinstance(caught.value.what, Message)
    assert caught.value.what.values["where"].values == {"name": "a.txt", "n": 2}


def test_columns_go_there_and_the_choice_comes_back():
    rows = b"a,b\n1,A well.\n"
    with ReaderProcess() as process:
        with pytest.raises(ColumnsUnknown) as caught:
            result_of(process.read("a.csv", rows))
        assert (caught.value.choice.names, caught.value.choice.proposed) == (("a", "b"), "b")
        assert result_of(process.read("a.csv", rows, Columns("b"))).sections[0].text == "A well."


def test_a_file_that_takes_too_long_is_refused_and_the_next_one_read():
    began = time.monotonic()
    with ReaderProcess(seconds=2) as process:
        with pytest.raises(CorpusError, match=r"slow\.md takes more than 2 seconds to read. Split it"):
            result_of(process.read("slow.md", ENDLESS.encode()))
        assert time.monotonic() - began < 60
        assert result_of(process.read("a.txt", b"A well.")).sections[0].text == "A well."


def test_a_file_that_takes_too_much_memory_is_refused_and_the_next_one_read():
    with ReaderProcess(memory=200 * 2**20) as process:
        with pytest.raises(CorpusError, match=r"big\.jsonl\.gz takes more than 200 MB of memory"):
            result_of(process.read("big.jsonl.gz", gzip.compress(b"\n" * 190 * 2**20)))
        assert result_of(process.read("a.txt", b"A well.")).sections[0].text == "A well."


def test_a_reading_that_is_given_up_ends_its_process():
    process = ReaderProcess()
    reading = process.read("slow.md", ENDLESS.encode())
    next(reading)
    pid = process._process.pid
    reading.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
