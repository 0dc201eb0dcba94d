"""Small Lambda handlers for trying the local cloud: real processes that start in a moment."""

from __future__ import annotations

import os
import time

_calls = 0


class Refused(Exception):
    """Raised on demand."""


def handler(event, context):
    """Sleeps, fails, ends or answers, as the event says."""
    global _calls
    _calls += 1
    time.sleep(float(event.get("sleep", 0)))
    if event.get("raise"):
        raise Refused(event["raise"])
    if event.get("exit"):
        os._exit(3)
    return {"said": event.get("say"), "pid": os.getpid(), "calls": _calls, "request": context.aws_request_id}


def retrieval(event, context):
    """Stands where the retrieval function stands in the state machine."""
    time.sleep(float(event.get("sleep", 0.02)))
    passages = [{"id": "p0", "title": "T", "text": f"about {event['question']}", "score": 1.0}]
    return {"question": event["question"], "k": 1, "passages": passages, "function": {"name": "retrieval", "spans": {}}}


def generation(event, context):
    """Stands where the generation function stands."""
    time.sleep(0.02)
    return {"question": event["question"], "answer": event["passages"][0]["text"], "function": {"name": "generation"}}
