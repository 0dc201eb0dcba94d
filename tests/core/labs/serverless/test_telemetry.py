import json
import re
import socket

import pytest

from core.labs.serverless.telemetry import Observation, emf, report, subsegment, trace_header
from core.trace import Span, Trace

TRACE = Trace((Span("encode", 0.0, 4.0), Span("open table", 4.0, 6.0)), 10.0, 12.5, 0, 0, 0, 0)
SEEN = Observation("retrieval", "r-1", "ok", True, 1_700_000_000.25, TRACE, {"Index": "flat"})
HEX = re.compile(r"[0-9a-f]{16}")


def test_the_metric_line_follows_the_embedded_metric_format():
    line = emf(SEEN)
    assert line["_aws"]["Timestamp"] == 1_700_000_000_250
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Tessera" and directive["Dimensions"] == [["Function"]]
    for metric in directive["Metrics"]:
        assert isinstance(line[metric["Name"]], int | float) and metric["Unit"] in ("Milliseconds", "Count")
    for dimensions in directive["Dimensions"]:
        assert all(isinstance(line[name], str) for name in dimensions)
    assert (line["Duration"], line["Encode"], line["OpenTable"], line["Cold"]) == (12.5, 4.0, 6.0, 1)
    assert len(directive["Metrics"]) <= 100


def test_the_trace_document_follows_the_segment_format():
    header = trace_header()
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=1", header)
    document = subsegment(SEEN, header)
    assert document["type"] == "subsegment" and document["name"] == "tessera-retrieval"
    assert f"Root={document['trace_id']};Parent={document['parent_id']}" in header
    assert HEX.fullmatch(document["id"]) and document["end_time"] - document["start_time"] == pytest.approx(
        0.0125, abs=1e-6
    )
    assert not document["error"] and not document["fault"]
    children = document["subsegments"]
    assert [child["name"] for child in children] == ["encode", "open table"]
    for child in children:
        assert HEX.fullmatch(child["id"])
        assert document["start_time"] <= child["start_time"] <= child["end_time"] <= document["end_time"]


@pytest.mark.parametrize("header", ["", "Root=1-a-b;Parent=c;Sampled=0", "Root=1-a-b;Sampled=1", "nonsense"])
def test_what_is_not_sampled_is_not_traced(header):
    assert subsegment(SEEN, header) is None


def test_documents_reach_the_daemon_by_udp(monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(5)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{daemon.getsockname()[1]}")
        monkeypatch.setenv("_X_AMZN_TRACE_ID", trace_header())
        lines = []
        report(SEEN, lines.append)
        head, _, body = daemon.recv(65536).partition(b"\n")
    assert json.loads(head) == {"format": "json", "version": 1}
    assert json.loads(body)["name"] == "tessera-retrieval"
    assert len(lines) == 1 and lines[0].endswith("\n") and lines[0].count("\n") == 1


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:port", "no-such-host.invalid:2000"])
def test_a_daemon_that_is_not_there_costs_no_answer(monkeypatch, caplog, address):
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace_header())
    lines = []
    report(SEEN, lines.append)
    assert len(lines) == 1 and address in caplog.text
