"""Findings of a study whose every number is known: summed up by the code that sums up real ones."""

from __future__ import annotations

from datetime import datetime, timezone

from core.corpus.types import Corpus
from core.labs.serverless.settings import KINDS
from core.labs.serverless.study import study
from core.labs.serverless.study.config import Arrivals, StudyConfig
from core.labs.serverless.study.corpus import SizedCorpus, grow
from core.labs.serverless.study.probes import Probes
from core.labs.serverless.study.samples import Sample
from tests.core.labs.serverless.study.conftest import record, reply, sample
from tests.encoder import TinyEncoder

TIMES = {"flat": lambda size: 2.0 + size / 200, "ivf-hnsw-sq": lambda size: 4.0 + size / 5000}


def findings(corpus: Corpus, sizes=(20, 400, 2000), stage="retrieval"):
    """As ``study.study`` returns them; flat search overtakes itself between 400 and 2,000 passages."""
    encoder = TinyEncoder()
    vectors = encoder.encode_passages([passage.text for passage in corpus.passages])
    config = StudyConfig(sizes, Arrivals(1, 20, 5), stage=stage, rounds=1, probes=4, k=5)
    material = study.Material(corpus, vectors, encoder, ("a", "b", "c", "d"))
    generation = 300.0 if stage == "pipeline" else None
    found = [_size(grow(corpus.passages, vectors, size, 0), config, generation) for size in sizes]
    return {**study._findings(config, material, found, datetime.now(timezone.utc)), "workspace": "sample"}


def _size(grown: SizedCorpus, config: StudyConfig, generation):
    size = len(grown.passages)
    wanted = [[f"p{number}"] for number in range(4)]
    probes, samples, starts = Probes(), {}, {}
    for kind in KINDS:
        search = TIMES[kind](size)
        good = {"ms": search + 10, "search": search, "generation": generation}
        probes.replies[kind] = [(n, reply(found=(f"p{n}",), **good), search + 12) for n in range(4)]
        run = [sample(n / 4, search + 15 + n, **good) for n in range(20)]
        run += [sample(5.1, 1.0, "throttled"), sample(5.2, 1.0, "crash")]
        samples[kind] = [run]
        starts[kind] = [_start(good)]
    indexes = {kind: {"build_s": 0.5, "bytes": 1000} for kind in KINDS}
    return study._size_findings(grown, config, indexes, starts, samples, probes, wanted)


def _start(good) -> Sample:
    begun = reply(records=(record(cold=True, billed=5000, init=700.0),), **good)
    spans = {**begun.spans, "retrieval/load model": 3000.0, "retrieval/open table": 900.0}
    return Sample(0, 0.0, 5000.0, **{**vars(begun), "spans": spans})
