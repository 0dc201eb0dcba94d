"""Answering on Ray Serve: a question goes to the replica that holds the cache of its cell, and is streamed back.

The cell is the model's id of Ray Serve's multiplexing (https://docs.ray.io/en/latest/serve/model-multiplexing.html),
which sends a question to a replica that has its cell, has one load it where none does, and drops the cells that were
not asked for longest. The driver encodes and routes; a replica runs ``CellReader``, as a single machine does.

    python -m app serve-cells                      # replicas, until Ctrl-C
    python -m app query --ray --method cag_cell --text "Who invented the drum lens?"

The id ends with the checksum of the cell's file, so that a replica cannot answer from a cell that was rebuilt since. A
replica that dies in mid-answer is replaced by another once: it writes the same, or the caller is told that it cannot.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.distributed.connection import NAMESPACE, RUNNING, connected
from core.distributed.tally import TALLY, ReplicaUse, Tally
from core.errors import ArtefactMissing, TesseraError
from core.kvcache.variants import WHOLE_CELLS, find_variant, list_variants, model_params
from core.messages import message
from core.methods.base import Event, EvidenceChosen, Finished, Text
from core.methods.cag_cell import CagCell, route_question
from core.methods.resources import Resources
from core.settings import Settings
from core.trace import Span, Tracer
from core.voronoi.partition import Partition
from core.voronoi.routing import Route
from core.workspace import Workspace, open_workspace

_DEPLOYMENT = "cells"
_TRIES = 2
_COUNTS = ("prompt_tokens", "cached_tokens", "generated_tokens", "bytes_touched")
"""Counts of a trace that are the replica's."""


@contextmanager
def serving(resources: Resources, replicas: int | None = None) -> Iterator[int]:
    """Runs the replicas of a workspace while the body runs.

    Args:
        replicas: How many; None for one on every node.

    Yields:
        How many there are.

    Raises:
        TesseraError: There is no Ray, or the workspace has no caches of whole cells for this model.
    """
    settings, ws = resources.settings, resources.workspace
    store = _cell_store(ws, settings)
    largest = max(state.bytes for state in store.states())
    with connected(settings) as ray:
        serve = _ray_serve()
        nodes = [node["Resources"]["CPU"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0)]
        count = replicas or len(nodes)
        per_node = -(-count // max(1, len(nodes)))
        share = min(nodes, default=1.0) / per_node
        share = int(share) if share > 1 else share  # Ray gives whole processors, or a part of one
        tally = ray.remote(Tally).options(name=TALLY, num_cpus=0, get_if_exists=True).remote()
        serve.start(proxy_location="Disabled")
        replica = _deployment(max(1, settings.cache_bytes // largest)).options(
            name=_DEPLOYMENT,
            num_replicas=count,
            max_replicas_per_node=per_node,
            max_ongoing_requests=1,
            ray_actor_options={"num_cpus": share},
        )
        serve.run(replica.bind(settings, str(ws.path.resolve()), tally), name=_application(ws), route_prefix=None)
        try:
            yield count
        finally:
            serve.delete(_application(ws))


def _deployment(capacity: int) -> Any:
    """The class of a replica that holds at most ``capacity`` cells."""
    from ray import serve

    @serve.deployment
    class Replica:
        """One copy of the model, and the cells that Ray has it hold."""

        def __init__(self, settings: Settings, workspace: str, tally: Any) -> None:
            import ray

            from core.methods.cag_cell import CellReader
            from core.models.registry import Models

            settings = settings.here()
            resources = Resources(open_workspace(workspace, Path(workspace).parent), Models(settings), settings)
            self._reader, self._tally, self._loaded = CellReader(resources), tally, False
            context = ray.get_runtime_context()
            self._node = f"{ray.util.get_node_ip_address()}/{context.get_node_id()[:4]}"
            self._id = serve.get_replica_context().replica_id.unique_id

        @serve.multiplexed(max_num_models_per_replica=capacity)
        async def cell(self, model_id: str) -> Any:
            """Loads a cell that is not in memory; Ray calls this."""
            number, _, checksum = model_id.partition("-")
            cell = int(number)
            if not self._reader.store.entry(cell).sha256.startswith(checksum):
                raise self._reader.store.refusal(cell, "it was built again since")
            self._loaded = True
            return self._reader.store.load(cell, self._reader.lm, self._reader.ids(cell))

        async def answer(self, question: str, routed: Route) -> AsyncIterator[Event]:
            """The events of an answer from the first cell of a route."""
            self._loaded = False
            tracer = Tracer(self._reader.lm.synchronise)
            with tracer.span("load cache"):
                loaded = await self.cell(serve.get_multiplexed_model_id())
                session = self._reader.session(loaded)
            hit = not self._loaded
            for event in self._reader.read(question, routed, loaded, session, hit, tracer):
                if isinstance(event, Finished):
                    self._tally.count.remote(self._id, self._node, hit)
                    details = {**event.answer.details, "replica": self._id, "node": self._node}
                    event = Finished(replace(event.answer, details=details))
                yield event
                await asyncio.sleep(0)  # lets Ray send it

    return Replica


class CellsOnRay:
    """Whole-cell CAG by the replicas of a workspace; a ``core.methods.base.Method``.

    Args:
        resources: Needs the artefacts embeddings, partition and caches; the language model is not loaded.
        handle: Of the deployment, see ``open_cells``.
    """

    name = CagCell.name

    def __init__(self, resources: Resources, handle: Any) -> None:
        ws = resources.workspace
        self._encoder = resources.models.encoder()
        ws.require("embeddings", {"encoder": self._encoder.fingerprint}, read=False)
        self._partition = ws.read("partition", Partition.load)
        self._store = _cell_store(ws, resources.settings)
        self._handle, self._patience_s = handle, float(resources.settings.engine_timeout)

    def stream(self, question: str) -> Iterator[Event]:
        """Routes the question here and has the replica of its cell answer; asks once more if that fails."""
        tracer = Tracer()
        routed = route_question(self._encoder, self._partition, question, tracer)
        cell = routed.cells[0]
        model_id = f"{cell}-{self._store.entry(cell).sha256[:16]}"
        began, shown = tracer.now_ms(), ""
        for attempt in range(1, _TRIES + 1):
            answer = self._handle.options(stream=True, multiplexed_model_id=model_id).answer
            text = ""
            try:
                for event in _in_time(answer.remote(question, routed), self._patience_s):
                    if isinstance(event, Text):
                        tracer.first_token()
                        text += event.text
                        if not (text.startswith(shown) or shown.startswith(text)):
                            raise _diverged()
                        event, shown = Text(text[len(shown) :]), max(shown, text, key=len)
                    elif isinstance(event, Finished):
                        event = self._finished(event, tracer, began, attempt)
                    elif isinstance(event, EvidenceChosen) and attempt > 1:
                        continue
                    if not isinstance(event, Text) or event.text:
                        yield event
                return
            except _failures() as error:
                if attempt == _TRIES:
                    raise _no_answer(error) from error

    def _finished(self, event: Finished, tracer: Tracer, began: float, attempt: int) -> Finished:
        """The answer with the clock of who asked: it began before routing, and ends with the last token here."""
        remote, trace = event.answer.trace, tracer.finish()
        spans = (*trace.spans, Span("replica", began, trace.total_ms - began))
        counts = {name: getattr(remote, name) for name in _COUNTS}
        details: Mapping[str, Any] = event.answer.details | {"tries": attempt}
        return Finished(replace(event.answer, trace=replace(trace, spans=spans, **counts), details=dict(details)))


@contextmanager
def open_cells(resources: Resources) -> Iterator[CellsOnRay]:
    """The replicas of a workspace that another process serves.

    Raises:
        TesseraError: There are none.
    """
    with connected(resources.settings, RUNNING):
        serve, name = _ray_serve(), _application(resources.workspace)
        if name not in serve.status().applications:
            raise _nobody_serves(resources.workspace)
        yield CellsOnRay(resources, serve.get_deployment_handle(_DEPLOYMENT, name))


def replica_uses(resources: Resources) -> dict[str, dict[str, Any]]:
    """What each replica has done since ``serving`` began, with its hit rate.

    Raises:
        TesseraError: There are none.
    """
    with connected(resources.settings, RUNNING) as ray:
        try:
            tally = ray.get_actor(TALLY, namespace=NAMESPACE)
        except ValueError as error:
            raise _nobody_serves(resources.workspace) from error
        uses: dict[str, ReplicaUse] = ray.get(tally.uses.remote(), timeout=resources.settings.engine_timeout)
        return {name: {**asdict(use), "hit_rate": use.hit_rate} for name, use in uses.items()}


def _ray_serve() -> Any:
    """The module, which would write every step of its own to stderr."""
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    return serve


def _application(ws: Workspace) -> str:
    return f"tessera {ws.name}"


def _cell_store(ws: Workspace, settings: Settings) -> Any:
    """The caches that the replicas read, found without loading the language model."""
    variant = find_variant(list_variants(ws, WHOLE_CELLS), model_params(settings), settings.cache_precision)
    if variant is None:
        why = message("The workspace {name!r} has no {kind} yet.", name=ws.name, kind=message(WHOLE_CELLS))
        raise ArtefactMissing(why, kinds=(WHOLE_CELLS,))
    return variant.store()


def _in_time(events: Any, patience_s: float) -> Iterator[Event]:
    """The events of a replica; raises TimeoutError if the next one takes too long, which Ray itself would wait for."""
    import ray

    box: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue()

    def receive() -> None:
        try:
            for event in events:
                box.put((event, None))
            box.put((None, None))
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            box.put((None, error))

    threading.Thread(target=receive, name="replica", daemon=True).start()
    ended = False
    try:
        while True:
            try:
                event, error = box.get(timeout=patience_s)
            except queue.Empty:
                raise TimeoutError(f"{patience_s:,.0f} s without a word") from None
            ended = event is None
            if error is not None:
                cause = getattr(error, "cause", None)
                raise cause if isinstance(cause, TesseraError) else error
            if event is None:
                return
            yield event
    finally:
        if not ended and ray.is_initialized():  # else Ray would start one of its own to say so
            events.cancel()


def _failures() -> tuple[type[BaseException], ...]:
    from ray.exceptions import RayError
    from ray.serve.exceptions import RayServeException

    return RayError, RayServeException, TimeoutError


def _no_answer(error: BaseException) -> TesseraError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return TesseraError(
        message("No replica has answered: {reason}.", reason=reason),
        "Ask again; if it stays so, see with `ray status` whether the nodes live.",
    )


def _diverged() -> TesseraError:
    return TesseraError("The replica died in mid-answer, and another one writes something else.", "Ask again.")


def _nobody_serves(ws: Workspace) -> TesseraError:
    return TesseraError(
        message("No replicas serve the workspace {name!r} on this Ray cluster.", name=ws.name),
        "Start them with `serve-cells`.",
    )
