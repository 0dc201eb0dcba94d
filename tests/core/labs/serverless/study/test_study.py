"""The whole study on real processes: stand-ins for models in the workers, a real LanceDB index, real clocks."""

import os

import numpy as np
import pytest

from core.errors import ArtefactStale, TesseraError
from core.labs.serverless.local_lambda.process import FunctionConfig
from core.labs.serverless.settings import KINDS
from core.labs.serverless.study import runs, study
from core.labs.serverless.study.config import Arrivals, StudyConfig
from core.workspace import Workspace
from tests.generators import finish

TINY = "tests.core.labs.serverless.study.tiny"


def functions(url, kind, concurrency, endpoint="", generation=True, results_url=""):
    """The local cloud's functions with tiny models; everything else is as it is."""
    environment = {"TESSERA_INDEX_URL": url, "TESSERA_INDEX_KIND": kind, "TESSERA_RESULTS_URL": results_url}
    names = ["retrieval"] + ["rerank", "generation"] * generation + ["cache"] * bool(results_url)
    workers = {"retrieval": concurrency}
    return [
        FunctionConfig(name, f"{TINY}.{name}", concurrency=workers.get(name, 1), environment=environment)
        for name in names
    ]


@pytest.fixture(scope="module", autouse=True)
def tiny_functions():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "rag_functions", functions)
        yield


@pytest.fixture(scope="module")
def material(tiny_corpus, tiny_encoder):
    vectors = tiny_encoder.encode_passages([passage.text for passage in tiny_corpus.passages])
    asked = tuple(question.text for split in tiny_corpus.questions.values() for question in split)
    return study.Material(tiny_corpus, vectors, tiny_encoder, asked)


@pytest.fixture(scope="module")
def kept(tmp_path_factory, material, tiny_corpus):
    """A workspace with a study that was run on it, the steps of that study, and its name."""
    ws = Workspace(tmp_path_factory.mktemp("kept") / "w")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "material", lambda *given: material)
        steps = list(runs.run(ws, None, tiny_corpus, config()))
    return ws, steps, steps[-1].data["run"]


def config(**changed):
    fields = {"sizes": (400,), "arrivals": Arrivals(5, 20, 1.0), "rounds": 1, "probes": 4, "concurrency": 1, "k": 5}
    return StudyConfig(**{**fields, **changed})


def test_both_indexes_are_measured_on_the_same_questions_at_every_size(kept):
    ws, steps, name = kept
    found = runs.read(ws, name)
    assert [(size["passages"], size["real"]) for size in found["sizes"]] == [(400, 11)]
    for size in found["sizes"]:
        assert list(size["indexes"]) == list(KINDS)
        for index in size["indexes"].values():
            assert index["load"]["outcomes"]["ok"] > 0 and index["cold"]["n"] == 1 and index["bytes"] > 0
            assert 0 < index["probe"]["search_ms"] < index["probe"]["retrieval_ms"] <= index["probe"]["total_ms"]
            assert index["cost"]["total"] > 0 and index["recall"]["mean"] > 0.5
        assert size["indexes"]["flat"]["recall"]["mean"] == 1.0
        assert size["compared"]["search_ms"]["lo"] <= size["compared"]["search_ms"]["hi"]
    assert set(found["crossover"]) == {"search_ms", "retrieval_ms"}
    assert any("stages" in step.data and step.data["stages"] for step in steps)


def test_re_ranking_and_kept_results_have_their_share_of_time_and_cost(material):
    wanted = config(sizes=(11,), stage="pipeline", probes=2, k=2, kinds=("flat",), rerank=True, cache=True)
    _, found = finish(study.study(material, wanted))
    index = found["sizes"][0]["indexes"]["flat"]
    load = index["load"]
    assert set(load["stages"]) == {"lookup", "retrieval", "rerank", "generation", "keep"}
    assert load["machine_ms"] > 0 and sum(load["shares"].values()) == pytest.approx(1)
    assert set(load["shares"]) == set(index["cost"]["functions"]) == {"cache", "retrieval", "rerank", "generation"}
    assert min(load["shares"].values()) > 0 and min(index["cost"]["functions"].values()) > 0
    # Few questions, asked again and again: each is answered by work once, and by what was kept then.
    assert load["calls"]["generation"] == load["calls"]["keep"] < load["calls"]["lookup"] == load["outcomes"]["ok"]
    # Probes are never answered from the cache.
    assert index["probe"]["retrieval_ms"] > 0 and 0 < index["probe"]["retrieval_share"]["mean"] < 1


def test_a_study_that_is_closed_in_mid_load_leaves_no_process(material):
    others = set(_children())
    work = study.study(material, config(arrivals=Arrivals(5, 20, 60), kinds=("flat",)))
    for step in work:
        if step.data.get("ok"):
            break
    children = set(_children()) - others
    assert children
    work.close()
    assert not children & set(_children())


def test_what_was_found_is_kept_and_read_again(kept):
    ws, _, name = kept
    assert runs.names(ws) == [name]
    found = runs.read(ws, name)
    assert found["workspace"] == "w" and found["config"]["k"] == 5


def test_a_damaged_run_is_a_sentence(tmp_path):
    ws = Workspace(tmp_path / "w")
    runs.folder(ws).mkdir(parents=True)
    (runs.folder(ws) / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(ArtefactStale, match="x"):
        runs.read(ws, "x")


def test_a_corpus_without_questions_cannot_be_studied(tmp_path, tiny_corpus):
    silent = type(tiny_corpus)("silent", tiny_corpus.passages, {})
    with pytest.raises(TesseraError, match="no questions"):
        runs.material(Workspace(tmp_path / "w"), None, silent)


@pytest.mark.parametrize(
    "changed",
    [
        {"sizes": ()},
        {"sizes": (400, 11)},
        {"sizes": (5,)},
        {"stage": "all"},
        {"rounds": 0},
        {"concurrency": 0},
        {"rerank": True},
    ],
)
def test_a_study_that_makes_no_sense_is_refused(changed):
    with pytest.raises(TesseraError):
        config(**changed)


def _children():
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names of processes, not paths
        if entry.isdecimal():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8") as file:  # noqa: PTH123
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid() and fields[0] != "Z":
                found.append(int(entry))
    return found


def test_vectors_and_questions_fit(material):
    assert np.linalg.norm(material.vectors, axis=1) == pytest.approx(1.0, abs=1e-5) and material.questions
