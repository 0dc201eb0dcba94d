"""What a function reports of each invocation: one CloudWatch line in the embedded metric format, one X-Ray subsegment.

Sources: Amazon CloudWatch User Guide, "Specification: Embedded metric format"; AWS X-Ray Developer Guide, "X-Ray
segment documents" and "Sending trace data to X-Ray with the daemon".
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.trace import Trace

NAMESPACE = "Tessera"
TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
DAEMON_VARIABLE = "AWS_XRAY_DAEMON_ADDRESS"
_DAEMON_HEADER = b'{"format": "json", "version": 1}\n'
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Observation:
    """One invocation, as it is reported.

    Attributes:
        outcome: "ok", "refused" (the caller's fault) or "failed".
        cold: Whether it was the first of its process.
        began: Seconds since the epoch.
        properties: Plain facts that are no metric, such as the kind of index.
    """

    function: str
    request_id: str
    outcome: str
    cold: bool
    began: float
    trace: Trace
    properties: Mapping[str, str]


def emf(seen: Observation) -> dict[str, Any]:
    """The document of the embedded metric format: durations in ms per span, and counts of what happened."""
    durations = {span.name.title().replace(" ", ""): round(span.ms, 3) for span in seen.trace.spans}
    counts = {
        "Cold": int(seen.cold),
        "Refused": int(seen.outcome == "refused"),
        "Failed": int(seen.outcome == "failed"),
    }
    metrics = [{"Name": name, "Unit": "Milliseconds"} for name in ("Duration", *durations)]
    metrics += [{"Name": name, "Unit": "Count"} for name in counts]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": metrics}
    return {
        "_aws": {"Timestamp": int(seen.began * 1000), "CloudWatchMetrics": [directive]},
        "Function": seen.function,
        "RequestId": seen.request_id,
        "Outcome": seen.outcome,
        **seen.properties,
        "Duration": round(seen.trace.total_ms, 3),
        **durations,
        **counts,
    }


def subsegment(seen: Observation, trace_header: str) -> dict[str, Any] | None:
    """The X-Ray document under the segment that Lambda itself opens; None when the request is not sampled.

    Args:
        trace_header: ``Root=1-...;Parent=...;Sampled=1``, as Lambda gives it.
    """
    parts = dict(part.split("=", 1) for part in trace_header.split(";") if "=" in part)
    if parts.get("Sampled") != "1" or "Root" not in parts or "Parent" not in parts:
        return None
    return {
        "type": "subsegment",
        "name": f"tessera-{seen.function}",
        "id": secrets.token_hex(8),
        "trace_id": parts["Root"],
        "parent_id": parts["Parent"],
        "start_time": seen.began,
        "end_time": seen.began + seen.trace.total_ms / 1000,
        "error": seen.outcome == "refused",
        "fault": seen.outcome == "failed",
        "annotations": {"cold": seen.cold, "outcome": seen.outcome, **seen.properties},
        "subsegments": [
            {
                "name": span.name,
                "id": secrets.token_hex(8),
                "start_time": seen.began + span.start_ms / 1000,
                "end_time": seen.began + (span.start_ms + span.ms) / 1000,
            }
            for span in seen.trace.spans
        ],
    }


def report(seen: Observation, write: Any) -> None:
    """Writes the metric line, and sends the subsegment where a daemon is named.

    Args:
        write: Takes the line, such as ``sys.stdout.write``: CloudWatch reads metrics from the function's output.
    """
    write(json.dumps(emf(seen)) + "\n")
    daemon = os.environ.get(DAEMON_VARIABLE, "")
    document = subsegment(seen, os.environ.get(TRACE_VARIABLE, ""))
    if daemon and document:
        _send(daemon, document)


def _send(daemon: str, document: Mapping[str, Any]) -> None:
    host, _, port = daemon.rpartition(":")
    if not host or not port.isdecimal():
        _LOG.warning("%s=%s is no host:port; the trace is not sent.", DAEMON_VARIABLE, daemon)
        return
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(_DAEMON_HEADER + json.dumps(document).encode(), (host, int(port)))
    except OSError as error:  # a trace that is lost must not cost the answer
        _LOG.warning("The X-Ray daemon at %s cannot be reached (%s).", daemon, error)


def trace_header() -> str:
    """A fresh header of a sampled trace: what API Gateway would send along."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=1"
