"""Records, replies and samples as a load makes them."""

from core.labs.serverless.local_lambda.pool import Record
from core.labs.serverless.study.samples import Reply, Sample


def record(outcome="ok", cold=False, billed=100, init=0.0, memory=1024, function="retrieval"):
    return Record("r", function, outcome, cold, init, billed - init, billed, memory, b"{}")


def reply(outcome="ok", ms=10.0, search=4.0, found=("a",), records=None, generation=None):
    if outcome != "ok":
        return Reply(outcome, {}, {}, (record(outcome, billed=0),), (), 0.0)
    stages, spans = {"retrieval": ms}, {"retrieval/search": search}
    if generation is not None:
        stages["generation"] = generation
    return Reply("ok", stages, spans, records or (record(),), tuple(found), 0.0)


def sample(at_s=0.0, latency=10.0, outcome="ok", question=0, machine_ms=0.0, **more):
    fields = {**vars(reply(outcome, **more)), "machine_ms": machine_ms}
    return Sample(question, at_s, latency, **fields)
