from html.parser import HTMLParser

import pytest

from app.export import to_html
from core.corpus.types import Question, Source
from core.methods.base import Answer, Evidence
from core.methods.comparison import Choices, Run, RunContext
from core.trace import Span, Trace

TRACE = Trace((Span("encode", 0.0, 2.0), Span("prefill", 2.0, 40.0)), 44.0, 60.0, 120, 30, 3, 5_000)
HOSTILE = "<script>alert(1)</script><img src=//evil/x onerror=alert(2)>"


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def run():
    evidence = (Evidence("p0", f"Title {HOSTILE}", HOSTILE, 0.875, Source(f"{HOSTILE}.pdf", HOSTILE, 3)),)
    return Run(
        Choices("sample", f"Who? {HOSTILE}", ("rag", "cag"), True, 3),
        status="done",
        answers={"rag": Answer("rag", "Who?", HOSTILE, evidence, TRACE)},
        failures={"cag": (f"No caches {HOSTILE}.", "Build them.")},
        context=RunContext("tiny", True, "mini", "CPU, 2 threads", "bfloat16"),
    )


def read(run):
    reader = Reader()
    reader.feed(to_html(run))
    return reader


def test_it_runs_nothing_and_asks_for_nothing(run):
    reader = read(run)
    assert not {"script", "img", "link", "iframe"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("src", "href")]
    policy = next(value for name, value in reader.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy


def test_it_holds_answer_evidence_times_failure_and_ground(run):
    text = " ".join(read(run).text)
    for found in (
        HOSTILE,
        "0.875",
        "prefill 40 ms",
        "Standard RAG",
        "Build them.",
        "bfloat16",
        "No caches",
        "p. 3 · <script>",
    ):
        assert found in text


def test_repeated_measurements_come_with_their_spread(run):
    run.repeats["rag"] = [TRACE, TRACE, TRACE]
    text = " ".join(read(run).text)
    assert "Medians of n measurements" in text and "fastest" in text and "slowest" in text


def test_it_says_why_an_answer_is_wrong_and_what_colours_mean(run):
    run.gold = Question("q", "Who?", ("Oren Pask",), ("p1",))
    text = " ".join(read(run).text)
    assert "passage missed" in text and "is not the one that it read" in text
    assert text.count("prefill") > 1
