import pytest

from app.figures.training import Curve, curve, smooth, training_figure

HISTORY = [{"step": 10, "loss": 3.0}, {"step": 20, "loss": 2.0, "right": 0.4, "wrong": 0.1}, {"other": 1.0}]


def test_a_curve_takes_the_steps_that_measured_it():
    assert curve(HISTORY, "loss", "Loss") == Curve("Loss", (10.0, 20.0), (3.0, 2.0))
    assert curve(HISTORY, "right", "Right").steps == (20.0,)
    assert curve(HISTORY, "absent", "Absent").values == ()


def test_smoothing_starts_at_the_first_value_and_lags():
    smoothed = smooth([4.0, 4.0, 0.0])
    assert smoothed[:2] == pytest.approx([4.0, 4.0])
    assert 0.0 < smoothed[2] < 4.0


def test_held_out_scores_have_their_own_axis_beside_their_control():
    loss = curve(HISTORY, "loss", "Loss")
    figure = training_figure(loss, [curve(HISTORY, "right", "Right"), curve(HISTORY, "wrong", "Wrong", control=True)])
    scores = {trace.name: trace for trace in figure.data if trace.xaxis == "x2"}
    assert set(scores) == {"Right", "Wrong"}
    assert scores["Wrong"].line.dash == "dot"
    assert scores["Right"].line.dash == "solid"


def test_before_the_first_look_there_is_only_the_loss():
    figure = training_figure(curve(HISTORY, "loss", "Loss"), [Curve("Right", (), ())])
    assert {trace.xaxis for trace in figure.data} == {"x"}


def test_two_scores_differ_by_more_than_their_names():
    scores = [Curve("Words", (1, 2), (0.1, 0.2)), Curve("Answer", (1, 2), (0.0, 0.1)), Curve("x", (1,), (0.1,), True)]
    figure = training_figure(curve(HISTORY, "loss", "Loss"), scores)
    looks = {(trace.line.dash, trace.marker.symbol) for trace in figure.data if trace.xaxis == "x2"}
    assert looks == {("solid", "diamond"), ("dash", "circle"), ("dot", "x")}


def test_the_legend_keeps_clear_of_the_axis_titles():
    figure = training_figure(curve(HISTORY, "loss", "Loss"), [Curve("Words", (1, 2), (0.1, 0.2))])
    plot = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    assert -figure.layout.legend.y * plot > 60
