"""Files made of a run: complete, harmless, and readable without the app."""

import csv
import io
import json
import xml.etree.ElementTree as ElementTree

import pytest

from core.corpus.types import Question
from core.evaluation.report import COLUMNS, intervals_svg, to_csv, to_html, to_json
from core.evaluation.scoring import LABELS

NASTY = Question("x", "=1+1 <script>alert('x')</script> & maps?", ("<b>Ilan</b>",), ("p5", "p0"), ("Ilan.",), "bridge")


@pytest.fixture
def folder(finished):
    return finished("closed-book,rag,cag", questions=(NASTY,))


def test_the_report_stands_alone_and_runs_nothing(folder):
    html = to_html(folder)
    assert "<script" not in html and "&lt;script&gt;" in html and "&lt;b&gt;Ilan" in html
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "") and "https://" not in html
    for label in LABELS.values():
        assert label in html
    for fact in ("top_k", "max_new_tokens", "torch", "random-0-2", "seed 0", "Hops"):
        assert fact in html


def test_the_report_is_well_formed(folder):
    html = to_html(folder).removeprefix("<!doctype html>").replace("<br>", "<br/>").replace(" class=text", "")
    for tag in ('<meta charset="utf-8">', '<meta name="viewport" content="width=device-width,initial-scale=1">'):
        html = html.replace(tag, "")
    ElementTree.fromstring(html)


def test_the_figure_says_in_words_what_it_shows():
    scores = {"f1": {"mean": 0.5, "lo": 0.25, "hi": 0.75, "n": 4}, "total_ms": {"median": 1500}}
    svg = ElementTree.fromstring(intervals_svg({"rag": scores}, {"rag": "R & G"}, "f1", "F1"))
    texts = ["".join(node.itertext()) for node in svg.iter()]
    assert "F1 of each method: R & G 0.50" in texts and "1.50 s" in texts


def test_csv_has_a_row_per_answer_and_no_formula(folder):
    rows = list(csv.DictReader(io.StringIO(to_csv(folder))))
    assert [row["method"] for row in rows] == ["closed-book", "rag", "cag"] and set(rows[0]) == set(COLUMNS)
    assert all(row["question"].startswith("'=1+1") for row in rows)
    assert rows[0]["recall"] == "" and rows[1]["recall"] in ("0.0", "1.0")


def test_json_holds_configuration_summary_and_answers(folder):
    found = json.loads(to_json(folder))
    assert found["run"]["model"]["name"] == "tiny" and set(found["methods"]) == {"closed-book", "rag", "cag"}
    assert len(found["answers"]) == 3 and found["answers"][1]["trace"]["spans"]
