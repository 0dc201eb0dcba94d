"""Recall by cells opened and by margin, measured on a workspace and kept there."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from core import pipeline
from core.corpus.types import Question
from core.errors import ArtefactStale, TesseraError
from core.labs.benchmarks.routing_recall import (
    measure_recall,
    probes,
    recall_by_margin,
    report_path,
    saved_report,
    search_recall,
)
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.core.voronoi.test_routing import at, partition_of
from tests.models import TinyModels


def test_questions_near_a_border_are_told_apart_from_those_inside():
    # The border is at 45 degrees; the passages of the questions near it lie on its other side.
    cells = partition_of([at(0), at(90)], assignment=[0, 1])
    queries = np.stack([at(2), at(5), at(41), at(44)])
    near, inside = recall_by_margin(cells, queries, [[0], [0], [1], [1]], groups=2)
    assert (near.recall, near.recall_two, near.questions) == (0.0, 1.0, 2)
    assert (inside.recall, inside.recall_two) == (1.0, 1.0)
    assert near.low == pytest.approx(np.sin(np.radians(1)), abs=1e-5)
    assert near.high == pytest.approx(np.sin(np.radians(4)), abs=1e-5)
    assert near.high < inside.low


def test_fewer_questions_than_groups():
    cells = partition_of([at(0), at(90)], assignment=[0, 1])
    assert len(recall_by_margin(cells, np.stack([at(3)]), [[0]])) == 1


def test_the_best_passages_of_more_cells_are_those_of_a_flat_search_in_the_end():
    vectors = np.stack([at(0), at(40), at(50), at(90)])
    cells = partition_of([at(0), at(40), at(70)], assignment=[0, 1, 2, 2])
    cells = replace(cells, centroids=np.stack([at(20), at(44), at(80)]).astype(np.float32))
    points = search_recall(cells, vectors, np.stack([at(46), at(1)]), [[2], [0]], 1)
    assert [point.nprobe for point in points] == [1, 2, 3]
    assert [point.recall for point in points] == [0.5, 0.5, 1.0] and [point.passages for point in points] == [1, 2, 4]
    assert points[-1].bytes == (3 + 4) * vectors.shape[1] * 4


def test_probes_end_with_all_cells():
    assert probes(1) == [1]
    assert probes(4) == [1, 2, 3, 4]
    assert probes(25) == [*range(1, 11), 12, 15, 20, 25]


@pytest.fixture
def models(tiny_lm, tiny_encoder, tmp_path):
    return TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder)


@pytest.fixture
def ws(models, tiny_corpus):
    workspace = Workspace(models.settings.workspaces / "tiny")
    list(pipeline.prepare_corpus(workspace, models, tiny_corpus))
    list(pipeline.cluster(workspace, models, models.settings, PartitionConfig(auto_k=False, k=3)))
    return workspace


def measure(ws, models, corpus, split="train", questions=None):
    asked = corpus.questions[split] if questions is None else questions
    return list(measure_recall(ws, models, asked, corpus.index(), split))


def test_a_report_is_kept_until_the_partition_changes(ws, models, tiny_corpus):
    assert saved_report(ws, "train") is None
    steps = measure(ws, models, tiny_corpus)
    assert (steps[-1].done, steps[-1].total) == (2, 2)
    report = saved_report(ws, "train")
    assert (report.questions, report.cells) == (2, 3)
    assert [point.nprobe for point in report.points] == [1, 2, 3]
    assert report.points[0].recall == 1.0, "the tiny questions share their words with their passages"
    assert report.points[-1].recall == 1.0
    list(pipeline.cluster(ws, models, models.settings, PartitionConfig(auto_k=False, k=4)))
    assert saved_report(ws, "train") is None


def test_questions_without_a_gold_passage_of_the_corpus_are_left_out(ws, models, tiny_corpus):
    strangers = (Question("q", "Who?", ("x",), ("elsewhere",)), Question("r", "Why?", ("y",)))
    measure(ws, models, tiny_corpus, questions=(*tiny_corpus.questions["dev"], *strangers))
    assert saved_report(ws, "train").questions == 1
    with pytest.raises(TesseraError, match="gold"):
        measure(ws, models, tiny_corpus, questions=strangers)


def test_another_encoder_is_refused(ws, models, tiny_corpus):
    class Other(type(models.encoder())):
        fingerprint = "other"

    with pytest.raises(ArtefactStale, match="encoder"):
        list(
            measure_recall(ws, SimpleNamespace(encoder=Other), tiny_corpus.questions["dev"], tiny_corpus.index(), "dev")
        )


def test_a_damaged_report_is_a_sentence(ws, models, tiny_corpus):
    measure(ws, models, tiny_corpus)
    path = report_path(ws, "train")
    facts = json.loads(path.read_text())
    del facts["points"]
    path.write_text(json.dumps(facts))
    with pytest.raises(TesseraError, match="damaged"):
        saved_report(ws, "train")
