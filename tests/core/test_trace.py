import pytest

from core.trace import Tracer


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
