import numpy as np
import plotly.graph_objects as go
import pytest

from app import i18n
from app.figures import palette, serverless
from app.figures.bars import Amount, bars_figure, describe_bars
from app.figures.counts import TOKENS, tokens_figure
from app.figures.map import POINTS, MapData, map_figure
from app.figures.timing import MethodTiming, describe_timing, timing_figure
from app.figures.training import Curve, training_figure
from app.i18n import t
from app.i18n.figures import translated
from core.messages import message
from core.trace import Span, Trace

ROW = MethodTiming(
    "Prefill the bold", Trace((Span("encode", 0.0, 2.0), Span("prefill", 2.0, 400.0)), 410.0, 600.0, 9, 8, 7, 6)
)


@pytest.fixture
def korean(monkeypatch):
    for module in ("app.i18n", "app.i18n.figures"):
        monkeypatch.setattr(f"{module}.language", lambda: "ko")


def names(figure):
    return [trace.name for trace in figure.data]


def test_the_words_of_a_figure_are_replaced_where_they_stand(korean):
    figure = translated(timing_figure([ROW]))
    assert figure.layout.xaxis.title.text == "질문한 뒤 지난 시간 (ms)"
    assert {"인코딩", "프리필", "첫 토큰"} == set(names(figure))
    assert any("인코딩 2.0 ms" in annotation.text for annotation in figure.layout.annotations)
    assert all("begins at" not in str(trace.hovertemplate) for trace in figure.data)
    bar = next(trace for trace in figure.data if trace.name == "프리필")
    assert bar.text[0].startswith("프리필")


def test_what_the_page_or_a_document_named_stays(korean):
    figure = translated(timing_figure([ROW]))
    assert any(note.text.startswith("<b>Prefill the bold</b>") for note in figure.layout.annotations)
    bars = translated(bars_figure([Amount("Memory", 0.5, "0.500"), Amount("text", 0.4, "0.400")], "코사인 유사도"))
    assert bars.layout.yaxis.ticktext == ("Memory", "text")
    assert "Memory 0.500" in t(describe_bars([Amount("Memory", 0.5, "0.500")], "코사인 유사도"))


def test_titles_of_parts_and_bars_of_colour_are_words_too(korean):
    figure = translated(training_figure(Curve("손실", (1, 2), (2.0, 1.0)), [Curve("근거", (1, 2), (0.1, 0.2))]))
    assert [annotation.text for annotation in figure.layout.annotations] == [
        "학습하는 내용에 대한 손실",
        "떼어 둔 질문",
    ]
    heat = go.Figure(go.Heatmap(z=[[1]], colorbar={"title": {"text": message("length")}}))
    assert translated(heat).data[0].colorbar.title.text == "길이"


def test_text_of_documents_on_a_map_is_left_alone(korean):
    xy = np.array([[0.0, 0.0], [0.4, 0.4]])
    data = MapData(["p0", "p1"], ["Memory", "evidence"], ["text", "step"], xy, [0, 1], ["answers", "questions"])
    figure = translated(map_figure(data))
    points = next(trace for trace in figure.data if trace.name == POINTS)
    assert [row[2:] for row in points.customdata] == [["Memory", "answers", "text"], ["evidence", "questions", "step"]]
    assert "셀 %{customdata[1]}" in points.hovertemplate


def test_alt_texts_are_said_with_their_values(korean):
    told = t(describe_timing([ROW]))
    assert told.startswith("방식마다 한 줄씩") and "Prefill the bold: 첫 토큰까지 410 ms" in told
    assert "인코딩 2.0 ms, 프리필 400 ms" in told


def test_in_english_a_figure_is_what_core_made(monkeypatch):
    monkeypatch.setattr("app.i18n.figures.language", lambda: "en")
    assert translated(timing_figure([ROW])) == timing_figure([ROW])
    assert translated(tokens_figure([ROW])).to_json() == tokens_figure([ROW]).to_json()


@pytest.mark.parametrize("code", [code for code in i18n.LANGUAGES if code != "en"])
def test_names_that_are_looked_up_by_value_have_their_words(code):
    spoken = {*palette.SPANS, *TOKENS, *serverless.OUTCOMES, *serverless.START}
    assert not spoken - set(i18n.table(code))
