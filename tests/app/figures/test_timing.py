import itertools

import pytest

from app.figures.timing import MIN_SHARE, MethodTiming, describe_timing, lay_out, timing_figure
from core.trace import Span, Trace


def method(label, *spans, ttft=None, total=None):
    end = max((start + ms for _, start, ms in spans), default=0.0)
    total = end if total is None else total
    trace = Trace(tuple(Span(*span) for span in spans), total if ttft is None else ttft, total, 10, 20, 3, 4_000)
    return MethodTiming(label, trace)


RAG = method("RAG", ("encode", 0.0, 9.0), ("retrieve", 9.0, 0.4), ("prefill", 9.5, 900.0), ("decode", 910.0, 300.0))
CAG = method(
    "CAG", ("encode", 0.0, 9.0), ("load cache", 9.1, 130.0), ("prefill", 140.0, 80.0), ("decode", 221.0, 310.0)
)


def bars_of(figure):
    return [trace for trace in figure.data if trace.type == "bar"]


def test_long_spans_begin_where_they_began():
    drawn = {(bar.row, bar.span.name): bar for bar in lay_out([RAG, CAG])}
    assert drawn[0, "prefill"].start == 9.5
    assert drawn[0, "prefill"].width == 900.0
    assert drawn[1, "decode"].start == 221.0


def test_a_span_too_short_to_see_is_widened_and_keeps_its_number():
    retrieve = next(bar for bar in lay_out([RAG]) if bar.span.name == "retrieve")
    assert retrieve.width == pytest.approx(1210 * MIN_SHARE)
    assert retrieve.span.ms == 0.4


def test_short_neighbours_stand_side_by_side():
    row = method("x", ("a", 0.0, 0.1), ("b", 0.1, 0.1), ("c", 0.2, 0.1), ("long", 0.3, 1000.0))
    short = [bar for bar in lay_out([row]) if bar.width > bar.span.ms]
    assert len(short) == 3
    for before, after in itertools.pairwise(short):
        assert after.start >= before.start + before.width


def test_one_axis_for_all_methods():
    slow, fast = method("slow", ("decode", 0.0, 10_000.0)), method("fast", ("decode", 0.0, 10.0))
    figure = timing_figure([slow, fast])
    assert figure.layout.xaxis.range[1] > 10_000
    assert not any(name.startswith("xaxis2") for name in figure.layout)
    widths = {bar.row: bar.width for bar in lay_out([slow, fast])}
    assert widths[1] == pytest.approx(60.0)


def test_short_bars_lie_in_front_of_long_ones():
    traces = bars_of(timing_figure([RAG, CAG]))
    is_short = [any(width == pytest.approx(1210 * MIN_SHARE) for width in trace.x) for trace in traces]
    assert any(is_short)
    assert is_short == sorted(is_short)


def test_every_span_has_its_milliseconds_written():
    figure = timing_figure([RAG, CAG])
    written = " ".join(
        [text for trace in bars_of(figure) for text in trace.text] + [note.text for note in figure.layout.annotations]
    )
    for number in ("900 ms", "0.4 ms", "9.0 ms", "130 ms", "300 ms", "310 ms"):
        assert number in written


def test_a_span_name_has_one_colour_on_its_bar_and_in_its_header():
    both = [method("short", ("decode", 0.0, 1.0)), method("long", ("decode", 0.0, 900.0))]
    figure = timing_figure(both)
    (colour,) = {trace.marker.color for trace in bars_of(figure)}
    assert f'<span style="color:{colour}">■</span> decode' in " ".join(note.text for note in figure.layout.annotations)


def test_first_token_is_marked_at_its_time():
    figure = timing_figure([method("x", ("prefill", 0.0, 500.0), ("decode", 500.0, 100.0), ttft=512.0)])
    marks = next(trace for trace in figure.data if trace.name == "first token")
    assert list(marks.x) == [512.0]


def test_total_is_written_even_where_no_span_accounts_for_it():
    figure = timing_figure([method("x", ("prefill", 0.0, 100.0), total=2_500.0)])
    assert any("2.50 s" in note.text and note.x == 2_500.0 for note in figure.layout.annotations)


def test_a_method_without_spans_is_still_a_row():
    figure = timing_figure([method("empty"), RAG])
    names = [note.text for note in figure.layout.annotations if note.yanchor == "bottom"]
    assert [name.partition("</b>")[0] for name in names] == ["<b>empty", "<b>RAG"]


def test_every_repeated_measurement_is_a_mark_beside_the_median():
    from dataclasses import replace

    traces = tuple(replace(RAG.trace, total_ms=total) for total in (1200.0, 1210.0, 1500.0))
    figure = timing_figure([replace(RAG, repeats=traces), CAG])
    assert list(next(trace for trace in figure.data if trace.name == "one measurement").x) == [1200.0, 1210.0, 1500.0]
    assert any("n = 3" in note.text and note.x == 1500.0 for note in figure.layout.annotations)
    assert figure.layout.xaxis.range[1] > 1500


def test_the_chart_in_words_names_every_number():
    words = describe_timing([RAG])
    assert "RAG" in words
    assert "retrieve 0.4 ms" in words
    assert "prefill 900 ms" in words
