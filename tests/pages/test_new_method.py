"""A method over existing artefacts is one class and one spec: what stands here and ``METHODS["toy"] = TOY``."""

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.gradio.page import build_page
from app.gradio.service import ComparisonService
from app.gradio.tools import Tools
from core.evaluation.variants import parse_variants, storage_of
from core.methods import registry
from core.methods.base import Answer, EvidenceChosen, Finished, answer, as_evidence, read
from core.methods.resources import Resources
from core.methods.spec import MethodSpec, MethodStyle
from core.trace import Tracer


class FirstPassage:
    """Reads the first passage of the corpus, whatever is asked."""

    name = "toy"

    def __init__(self, resources: Resources) -> None:
        self._engine = resources.engine()
        resources.workspace.require("index")
        self._passage = resources.corpus.passages[0]

    def stream(self, question: str):
        """Prefills the passage and the question, then decodes."""
        tracer = Tracer(self._engine.synchronise)
        evidence = as_evidence([self._passage], [1.0])
        yield EvidenceChosen(evidence)
        text = yield from read(self._engine, [self._passage], question, tracer)
        yield Finished(Answer(self.name, question, text, evidence, tracer.finish()))


TOY = MethodSpec(
    name=FirstPassage.name,
    label="First passage",
    summary="Reads the first passage, whatever is asked.",
    opens=f"{__name__}:FirstPassage",
    role="method",
    reads=("corpus", "index"),
    keeps_text=True,
    style=MethodStyle("#123456", "looks_one", "cross"),
    facts=(),
)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(registry.METHODS, TOY.name, TOY)


def test_compare_offers_and_asks_it(toy, page, prepared):
    app = page("compare", q="Who built the lighthouse of Velm?", methods="toy")
    offered = app.button_group(key="ask_methods")
    assert offered.value == ["toy"]
    assert any("First passage" in option for option in offered.options)


def test_evaluate_weighs_it_and_counts_its_build(toy, prepared, models):
    resources = Resources(prepared, models, models.settings)
    assert answer(registry.open_method("toy", resources), "Who?").evidence
    (method,) = parse_variants("toy")
    stored = storage_of(method, resources)
    assert stored.bytes["index"] > 0 and stored.bytes["text"] > 0
    built = sum(prepared.manifest(kind).build_s for kind in ("corpus", "embeddings", "index"))
    assert stored.build_s == pytest.approx(built) and built > 0


def test_the_command_line_names_it(toy):
    for command in ("query", "eval"):
        help_text = CliRunner().invoke(cli, [command, "--help"]).output
        assert "toy: First passage" in help_text


def test_gradio_offers_it(toy, prepared, models):
    service = ComparisonService(prepared, models, models.settings)
    choices = [
        block["props"]["choices"]
        for block in build_page(service, Tools(service), waiting=1).config["components"]
        if block["props"].get("label") == "Methods"
    ]
    assert ("First passage", "toy") in [tuple(choice) for choice in choices[0]]
