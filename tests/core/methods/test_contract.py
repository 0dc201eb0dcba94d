"""One contract for all methods: whoever is in the registry keeps it."""

import re
from dataclasses import fields

import pytest

from core.artefacts import ARTEFACTS, artefact
from core.errors import ArtefactMissing, TesseraError
from core.methods.base import Answer, Evidence, EvidenceChosen, Finished, Text, Working, answer
from core.methods.prompt_view import segments_read
from core.methods.registry import METHODS, open_method
from core.methods.resources import Resources
from core.settings import Settings
from core.workspace import Workspace

QUESTION = "Who built the lighthouse of Velm?"


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


@pytest.fixture
def method(name, resources):
    return open_method(name, resources)


def test_the_registry_describes_it(name):
    spec = METHODS[name]
    assert spec.name == name and spec.label and spec.summary.endswith(".")
    assert {artefact(kind).kind for kind in spec.builds} == set(spec.builds)
    assert set(spec.makes) <= set(spec.reads) and set(spec.needs) <= set(ARTEFACTS)
    assert not spec.keeps_text or "corpus" in spec.reads
    assert set(spec.settings) <= {field.name for field in fields(Settings)}
    assert re.fullmatch("#[0-9a-f]{6}", spec.style.colour) and spec.style.icon and spec.style.marker


def test_it_reports_the_facts_that_its_spec_names(name, method):
    reported = set(answer(method, QUESTION).details)
    assert reported <= set(METHODS[name].facts)
    assert reported or not METHODS[name].facts


def test_a_stream_ends_with_its_answer(name, method):
    events = list(method.stream(QUESTION))
    assert all(isinstance(event, Working | EvidenceChosen | Text) for event in events[:-1])
    assert isinstance(events[-1], Finished)
    result = events[-1].answer
    assert isinstance(result, Answer) and (result.method, result.question) == (name, QUESTION)
    streamed = "".join(event.text for event in events if isinstance(event, Text) and event.part == "answer")
    assert result.text == streamed.strip()


def test_the_trace_adds_up(method):
    trace = answer(method, QUESTION).trace
    names = [span.name for span in trace.spans]
    assert {"prefill", "decode"} <= set(names)
    ends = [span.start_ms + span.ms for span in trace.spans]
    assert all(end <= next_span.start_ms + 1e-6 for end, next_span in zip(ends, trace.spans[1:], strict=False))
    assert 0 < trace.ttft_ms <= trace.total_ms and max(ends) <= trace.total_ms
    assert trace.prompt_tokens > 0 and trace.generated_tokens >= 0


def test_asking_changes_nothing(method):
    asked = (QUESTION, "Who planted the pear orchard?", QUESTION)
    first, other, again = (answer(method, question) for question in asked)
    assert first.text == again.text and first.evidence == again.evidence
    assert first.trace.prompt_tokens == again.trace.prompt_tokens
    assert other.question != first.question


def test_a_closed_stream_stops_and_the_method_can_be_asked_again(method):
    stream = method.stream(QUESTION)
    next(stream)
    stream.close()
    assert answer(method, QUESTION).question == QUESTION


def test_evidence_names_passages_of_the_corpus(name, method, resources):
    evidence = answer(method, QUESTION).evidence
    assert all(isinstance(piece, Evidence) and piece.passage_id in resources.passages for piece in evidence)
    assert bool(evidence) == bool(METHODS[name].needs)


def test_it_is_refused_with_a_remedy_when_something_is_missing(name, models, tmp_path):
    empty = Resources(Workspace(tmp_path / "empty"), models, models.settings)
    if not METHODS[name].needs:
        open_method(name, empty)
        return
    with pytest.raises(ArtefactMissing, match="First "):
        open_method(name, empty)


def test_an_unknown_name_is_refused(resources):
    with pytest.raises(TesseraError, match="closed-book"):
        open_method("oracle-of-delphi", resources)


def test_what_was_read_adds_up_to_what_was_counted(name, method, resources):
    found = answer(method, QUESTION)
    segments = segments_read(found, resources.language_model())
    tokens = {reading: sum(s.tokens for s in segments if s.reading == reading) for reading in ("cached", "new", "soft")}
    assert tokens["cached"] == found.trace.cached_tokens
    if METHODS[name].reads_z:
        assert tokens["soft"] == sum(each["vectors"] for each in found.details["readings"]) > 0
    else:
        assert tokens["new"] == found.trace.prompt_tokens
    assert QUESTION in segments[-1].text
