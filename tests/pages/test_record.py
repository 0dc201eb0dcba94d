"""What the record of the tour is made with, on the tiny models: every number comes out of the very engines."""

import numpy as np
import pytest

from app.learn.record import PARTS, Recorder
from app.learn.recorded import RECORD
from core.methods.resources import Resources


@pytest.fixture
def recorder(complete, models):
    resources = Resources(complete, models, models.settings)
    question = next(q for q in resources.corpus.questions["dev"] if q.passage_ids)
    return Recorder(resources, question)


def test_every_part_is_measured_by_the_engines(recorder, monkeypatch):
    memory = recorder.memory.memory
    before = memory.pool.z.clone()
    monkeypatch.setattr("app.learn.record._FACTORS", (1.0,))
    found = {part: getattr(recorder, part)() for part in PARTS if part != "training"}
    assert all(found.values())
    encoder = recorder.resources.models.encoder()
    first, second = (encoder.encode_query(text) for text in found["embed"]["texts"][:2])
    assert found["embed"]["cosines"][0][1] == pytest.approx(float(np.dot(first, second)), abs=1e-4)
    # A number that is left as it is changes no answer, and a document has its own z again afterwards.
    assert {one["said"][0] for one in found["broken"]["cases"]} == {found["broken"]["whole"]}
    assert memory.pool.z.equal(before)


def test_the_record_stays_small():
    assert RECORD.stat().st_size < 250_000
