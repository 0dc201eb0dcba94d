"""Questions about a manual in PDF, with the default models: an answer is right, or it is called not supported."""

import pytest

from core import pipeline
from core.corpus.importing import Importer
from core.corpus.load import corpus_of
from core.evaluation.verdict import verdict_on
from core.methods.base import answer
from core.methods.registry import open_method
from core.methods.resources import Resources
from core.metrics import coverage
from core.models.registry import Models
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.core.corpus.readers import made

pytestmark = pytest.mark.real
LIMITS = (
    ("Substance", "Limit (ppm)", "Glove"),
    ("Acetone", "500", "butyl rubber"),
    ("Hydrogen fluoride", "1", "neoprene, double"),
    ("Methanol", "200", "butyl rubber"),
)
NUMBERS = (("Control room", "112"), ("Safety officer", "4417"), ("Technical service", "4430"))
FIRE = (
    "The assembly point is the car park in front of the library, and not the courtyard,",
    "because the courtyard is the access route of the fire brigade. Lifts are not used.",
)
RADIATION = (
    "Work with ionising radiation takes place in the controlled area of building D. The radiation",
    "protection officer is Prof. Ingrid Solberg. Dosimeters are exchanged every month.",
)
ASKED = {
    "Which glove for hydrogen fluoride?": "neoprene",
    "What is the exposure limit for methanol?": "200",
    "What number in an emergency?": "112",
    "Who is the radiation protection officer?": "Ingrid Solberg",
    "Where is the assembly point?": "car park",
}


def manual():
    drawn = [(60, 750, 14, "1 Exposure limits", True)]
    drawn += [
        (60 + 160 * j, 725 - 18 * i, 10, cell, not i) for i, row in enumerate(LIMITS) for j, cell in enumerate(row)
    ]
    drawn.append((60, 630, 14, "2 Fire", True))
    drawn += [(60, 610 - 14 * i, 10, line) for i, line in enumerate(FIRE)]
    drawn.append((60, 560, 14, "3 Radiation", True))
    drawn += [(60, 540 - 14 * i, 10, line) for i, line in enumerate(RADIATION)]
    drawn.append((60, 490, 14, "Index of telephone numbers", True))
    drawn += [(60 + 160 * j, 470 - 18 * i, 10, cell) for i, row in enumerate(NUMBERS) for j, cell in enumerate(row)]
    return made.pdf([drawn])


@pytest.fixture(scope="module")
def resources(tmp_path_factory):
    settings = Settings()
    models, ws = Models(settings), Workspace(tmp_path_factory.mktemp("manual") / "manual")
    count = models.prompt().count
    importer = Importer(count)
    importer.add("manual.pdf", manual())
    for work in (
        pipeline.prepare_corpus(ws, models, corpus_of("manual", importer.report(), count)),
        pipeline.cluster(ws, models, settings, PartitionConfig(auto_k=False, k=2)),
        pipeline.blocks(ws, models, settings),
    ):
        assert list(work)
    return Resources(ws, models, settings)


@pytest.mark.parametrize("name", ["rag", "cag"])
def test_an_answer_about_a_manual_is_right_or_called_not_supported(resources, name):
    method = open_method(name, resources)
    verdicts = {}
    for question, right in ASKED.items():
        found = answer(method, question)
        said = "right" if coverage(found.text, [right]) else "wrong"
        verdicts[question] = (said, verdict_on(found, None).kind)
    assert set(verdicts.values()) <= {("right", "unknown"), ("wrong", "unsupported"), ("wrong", "declined")}, verdicts
    assert sum(said == "right" for said, _ in verdicts.values()) >= 4, verdicts
