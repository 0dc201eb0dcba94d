import pytest

from core.trace import Span, Trace, Tracer, median_trace


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def pass_ms(self, ms):
        self.now += ms / 1000


def test_spans_ttft_and_total_are_measured_from_the_start():
    clock = Clock()
    tracer = Tracer(clock=clock)
    clock.pass_ms(5)
    with tracer.span("route"):
        clock.pass_ms(10)
    with tracer.span("decode"):
        clock.pass_ms(20)
        tracer.first_token()
        clock.pass_ms(30)
        tracer.first_token()
    clock.pass_ms(1)
    trace = tracer.finish()
    assert [(span.name, round(span.start_ms), round(span.ms)) for span in trace.spans] == [
        ("route", 5, 10),
        ("decode", 15, 50),
    ]
    assert trace.ttft_ms == pytest.approx(35)
    assert trace.total_ms == pytest.approx(66)


def test_a_span_waits_for_the_device():
    clock = Clock()
    tracer = Tracer(synchronise=lambda: clock.pass_ms(7), clock=clock)
    with tracer.span("prefill"):
        clock.pass_ms(1)
    assert tracer.finish().spans[0].ms == pytest.approx(8)


def test_an_abandoned_span_is_kept():
    tracer = Tracer(clock=Clock())
    with pytest.raises(ValueError, match="stop"), tracer.span("prefill"):
        raise ValueError("stop")
    assert [span.name for span in tracer.finish().spans] == ["prefill"]


def test_several_measurements_become_their_medians():
    def measured(prefill, total, *further):
        return Trace((Span("encode", 0.0, 2.0), Span("prefill", 2.0, prefill), *further), 10.0, total, 5, 6, 7, 8)

    join = Span("join", 30.0, 4.0)
    found = median_trace([measured(10.0, 40.0), measured(30.0, 90.0, join), measured(20.0, 50.0)])
    assert found == measured(20.0, 50.0, join)
    assert median_trace([measured(1.0, 2.0)]) == measured(1.0, 2.0)
