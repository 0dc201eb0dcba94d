from app.figures.recall import describe_margins, describe_recall, recall_figure
from core.labs.benchmarks.routing_recall import MarginGroup
from core.voronoi.routing import RecallPoint

POINTS = [RecallPoint(1, 0.8, 900.0), RecallPoint(2, 0.96, 1700.0), RecallPoint(4, 1.0, 3000.0)]


def test_the_curve_shows_every_point_and_marks_what_is_open():
    (line,) = recall_figure(POINTS, opened=2).data
    assert list(line.x) == [1, 2, 4]
    assert list(line.y) == [0.8, 0.96, 1.0]
    assert line.marker.size[1] > line.marker.size[0]
    assert "1,700" in line.customdata[1][0]


def test_all_of_the_curve_is_within_the_axis():
    figure = recall_figure([RecallPoint(1, 0.03, 10.0), *POINTS])
    assert figure.layout.yaxis.range[0] == 0.0
    assert figure.layout.yaxis.range[1] > 1


def test_in_words():
    assert describe_recall(POINTS) == "Opening one cell finds 80.0% of the gold passages, opening 2 cells 96.0%."
    groups = [MarginGroup(0.0, 0.02, 5, 0.4, 0.8), MarginGroup(0.02, 0.2, 5, 1.0, 1.0)]
    assert "40.0% with one cell and 80.0% with two" in describe_margins(groups)
