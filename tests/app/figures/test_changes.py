"""The race as a figure: every stage where it was, a mark where a method first knew, words for who cannot see it."""

from app.figures.changes import MIN_SHARE, STAGES, Lap, RaceRow, describe_race, race_figure

FAST = RaceRow("RAG", (Lap("embed", "Embed", 0, 1), Lap("ask", "Ask", 1, 999)), "right after 1.00 s", 1000.0, True)
SLOW = RaceRow(
    "Memory",
    (Lap("adapt", "Adapt", 0, 4000), Lap("ask", "Ask", 4000, 1000), Lap("adapt", "Adapt", 5000, 5000)),
    "not reached",
    None,
    True,
)


def drawn(rows):
    figure = race_figure(rows, "seconds", "first right", "not reached")
    return figure, {trace.name: trace for trace in figure.data}


def test_stages_stand_where_they_were_on_one_axis():
    figure, traces = drawn([FAST, SLOW])
    assert list(traces["Adapt"].base) == [0.0, 5.0] and list(traces["Adapt"].x) == [4.0, 5.0]
    assert list(traces["Ask"].y) == [0, 1] and traces["Ask"].marker.color == STAGES["ask"]
    assert figure.layout.xaxis.range[1] > 10.0


def test_a_stage_too_short_to_see_is_drawn_wider_and_keeps_its_number():
    _, traces = drawn([FAST, SLOW])
    assert traces["Embed"].x[0] == 10.0 * MIN_SHARE
    assert list(traces["Embed"].customdata) == ["1 ms"]


def test_marks_tell_who_knew_and_who_never_did():
    _, traces = drawn([FAST, SLOW])
    assert list(traces["first right"].x) == [1.0]
    assert list(traces["not reached"].x) == [10.0] and traces["not reached"].marker.symbol == "x"
    _, running = drawn([RaceRow("RAG", (), "getting ready")])
    assert set(running) == {"first right"} and not running["first right"].x


def test_it_can_be_said_in_words():
    assert describe_race([FAST, SLOW]) == (
        "RAG: right after 1.00 s, Embed 1 ms, Ask 999 ms; Memory: not reached, Adapt 9.00 s, Ask 1.00 s."
    )
