"""The whole app on tiny models: real corpus, cells and caches, and methods that answer at once."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from pkgutil import resolve_name

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from app import state
from app.views.compare import columns
from core import pipeline
from core.errors import ArtefactMissing
from core.memory.config import MemoryConfig
from core.methods import registry, spec
from core.methods.base import Answer, Evidence, EvidenceChosen, Finished, Text, Working
from core.settings import ROOT, Settings
from core.trace import Span, Trace
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.models import TinyModels
from tests.work_here import WorkHere

TIMEOUT = 300
MEMORY = MemoryConfig(
    m=2, z_dim=8, lora_r=2, steps=2, batch=2, router_dim=8, router_layer=1, router_steps=2, eval_questions=1
)


@dataclass
class FakeMethod:
    """Answers with what it was told to, in two pieces."""

    name: str
    text: str = "Oren Pask"
    evidence: str = "Oren Pask built the <b>lighthouse</b>."
    resources: object = None
    asked: list = field(default_factory=list)
    details: dict = field(default_factory=dict)

    def stream(self, question):
        self.asked.append(question)
        yield Working("prefill", 1, 1)
        found = (Evidence("p0", "Harbour *lighthouse*", self.evidence, 0.875),)
        yield EvidenceChosen(found)
        first, _, rest = self.text.partition(" ")
        yield Text(first)
        yield Text(f" {rest}" if rest else "")
        trace = Trace((Span("encode", 0.0, 2.0), Span("prefill", 2.0, 40.0)), 44.0, 60.0, 120, 30, 3, 5_000)
        yield Finished(
            Answer(self.name, question, self.text, found, trace, {"cell": 1, "margin": 0.25, **self.details})
        )


class FakeMethods:
    """The methods that the fake registry hands out; a test changes what they say, or makes one fail to open."""

    def __init__(self):
        self.made = {name: FakeMethod(name) for name in registry.METHODS}
        self.broken: dict[str, Exception] = {}

    def open(self, name, resources):
        if name in self.broken:
            raise self.broken[name]
        self.made[name].resources = resources
        return self.made[name]


@pytest.fixture(scope="session", autouse=True)
def components():
    """Each app that starts reads the metadata of every installed package; one reading does for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """How long each method would have waited for a quiet machine at most: no clock is read here."""
    waited = []
    monkeypatch.setattr(columns, "until_quiet", waited.append)
    return waited


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path / "workspaces"))
    st.cache_resource.clear()
    yield Settings.from_environment()
    st.cache_resource.clear()


def tiny_models(tiny_lm, tiny_encoder) -> TinyModels:
    return TinyModels(replace(Settings.from_environment(), cell_tokens=400, score_cutoff=0), tiny_lm, tiny_encoder)


@pytest.fixture
def models(settings, tiny_lm, tiny_encoder, monkeypatch):
    models = tiny_models(tiny_lm, tiny_encoder)
    monkeypatch.setattr(state, "models", lambda: models)
    monkeypatch.setattr(state, "ProcessWork", partial(WorkHere, models))
    return models


@pytest.fixture
def methods(monkeypatch):
    methods = FakeMethods()
    specs = {name: replace(known, reads=("corpus",), makes=(), opens=name) for name, known in registry.METHODS.items()}
    monkeypatch.setattr(registry, "METHODS", specs)
    # What a test has opened from its module again is the real one.
    monkeypatch.setattr(
        spec, "resolve_name", lambda opens: resolve_name(opens) if ":" in opens else partial(methods.open, opens)
    )
    return methods


@pytest.fixture
def workspace(settings) -> Workspace:
    """The sample workspace, empty."""
    return Workspace(settings.workspaces / "sample")


@pytest.fixture(scope="session")
def stages(tiny_lm, tiny_encoder, tiny_corpus, tmp_path_factory) -> Path:
    """The sample workspace after each stage of its building, in folders that nobody changes."""
    folder, models = tmp_path_factory.mktemp("stages"), tiny_models(tiny_lm, tiny_encoder)
    partition = PartitionConfig(auto_k=False, k=3, cell_tokens=4000)
    for stage, before, build in (
        ("prepared", "", lambda ws: pipeline.prepare_corpus(ws, models, tiny_corpus)),
        ("clustered", "prepared", lambda ws: pipeline.cluster(ws, models, models.settings, partition)),
        ("cached", "clustered", lambda ws: pipeline.blocks(ws, models, models.settings)),
        ("remembered", "prepared", lambda ws: pipeline.train(ws, models, MEMORY)),
        ("complete", "cached", lambda ws: pipeline.train(ws, models, MEMORY)),
    ):
        ws = Workspace(folder / stage / "sample")
        if before:
            shutil.copytree(folder / before / "sample", ws.path)
        drain(build(ws))
    return folder


def _stage(name: str):
    @pytest.fixture(name=name)
    def copied(stages, workspace, models) -> Workspace:
        shutil.copytree(stages / name / "sample", workspace.path)
        return workspace

    return copied


prepared = _stage("prepared")  # the tiny corpus, embedded and indexed
clustered = _stage("clustered")  # ... cut into three cells
cached = _stage("cached")  # ... with the blocks of its passages
remembered = _stage("remembered")  # corpus and memory, and nothing else
complete = _stage("complete")  # all of it


@pytest.fixture
def page():
    """Opens a page of the app by name."""

    def open_page(name: str, **query) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=TIMEOUT)
        for key, value in query.items():
            app.query_params[key] = value
        if name != "start":
            app.switch_page(f"../pages/{name}.py")
        app.run()
        assert not app.exception, [entry.value for entry in app.exception]
        return app

    return open_page


def drain(work):
    return list(work)


def said(app) -> str:
    """All text on a page."""
    kinds = (app.title, app.markdown, app.caption, app.text, app.subheader, app.error, app.warning, app.info)
    kinds += (app.success,)
    return "\n".join(str(entry.value) for kind in kinds for entry in kind)


def button(app, key):
    return app.button(key=key)


def wait_for_job(path, seconds=200):
    """Waits until the job of a workspace has ended; returns its report."""
    job = state.board().latest(str(path))
    assert job is not None, "no job was started"
    job.join(seconds)
    report = job.report()
    assert report.state.value != "running"
    return report


def missing(what="The workspace has no caches yet.", remedy="Build them."):
    return ArtefactMissing(what, remedy)


def settle(seconds=0.05):
    time.sleep(seconds)
