"""Shards as Ray tasks: on every node of a cluster one worker, an actor that loads the models once.

    with ray_workers(settings) as workers:
        for step in pipeline.blocks(ws, models, settings, workers=workers):
            ...

A worker takes all processors of its node, so that two drivers do not slow each other down unseen. Nodes that join are
used from then on. If a worker or its node dies, its shard goes to another: what the others have computed is kept.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from core.distributed.connection import connected
from core.errors import ModelError, TesseraError
from core.messages import message
from core.settings import Settings
from core.workers import Computed, Computing, Result, Shard

_AHEAD = 2
"""Shards that a worker has been given: the one under way, and one to go on with while the driver stores a result."""
_LOOK_S = 1.0
"""Between two looks at the nodes of the cluster, and between two signs of life to the caller."""
_PATIENCE_S = 300.0
"""Longest wait for a first worker."""
_MOST_DEATHS = 3
"""Workers that may die over one shard, or over their start on one node, before that is said instead of tried again."""


@contextmanager
def ray_workers(settings: Settings) -> Iterator[RayWorkers]:
    """The workers of the cluster at ``settings.ray_address``, or of a Ray that is started here if that is empty.

    Raises:
        TesseraError: Ray is not installed, or the cluster cannot be reached.
    """
    with connected(settings) as ray:
        workers = RayWorkers(ray, settings)
        try:
            yield workers
        finally:
            workers.close()


class Worker:
    """What runs on a node. It looks for model files in its own home, and loads them when a shard first needs them."""

    def __init__(self, settings: Settings) -> None:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # before torch reads it: workers never wait for long
        from core.models.registry import Models

        self._models = Models(settings.here())

    def versions(self) -> dict[str, str]:
        """Versions of the numerical libraries here."""
        from core.models.machine import versions

        return versions()

    def run(self, task: Callable[[Any, Shard], Result], shard: Shard) -> tuple[Result, float]:
        """The result of a task, and the seconds that it took."""
        began = time.perf_counter()
        return task(self._models, shard), time.perf_counter() - began


@dataclass
class _Member:
    """A worker as the driver sees it.

    Attributes:
        greeting: Reference to its versions, with which it says that it has started; None once it has.
        shards: The shards it has been given, by the reference to their result.
    """

    name: str
    actor: Any
    greeting: Any
    shards: dict[Any, int] = field(default_factory=dict)


class RayWorkers:
    """See ``core.workers.Workers``.

    Args:
        ray: The module, connected.
        settings: With which workers load their models.

    Attributes:
        done: Shards that each worker has computed, by its name.
        busy_s: Seconds that this took it.
    """

    def __init__(self, ray: Any, settings: Settings) -> None:
        self._ray, self._settings = ray, settings
        self._members: dict[str, _Member] = {}
        self._deaths: Counter[str] = Counter()
        self._last_death = ""
        self._looked = 0.0
        self.done: Counter[str] = Counter()
        self.busy_s: dict[str, float] = defaultdict(float)

    def compute(
        self, task: Callable[[Any, Shard], Result], shards: Sequence[Shard]
    ) -> Generator[Computed[Result] | Computing, None, None]:
        """See ``Workers.compute``; shards that are under way when this is closed are stopped with their workers."""
        waiting, missing, deaths = deque(range(len(shards))), len(shards), Counter[int]()
        alive = time.monotonic()
        try:
            while missing:
                self._look_at_nodes()
                self._hand_out(task, shards, waiting)
                ready = self._wait([reference for member in self._members.values() for reference in _awaited(member)])
                for reference in ready:
                    number, result = self._receive(reference, waiting, deaths)
                    if number is not None:
                        missing -= 1
                        yield Computed(number, result, self.note())
                if any(not member.greeting for member in self._members.values()):
                    alive = time.monotonic()
                elif time.monotonic() - alive > _PATIENCE_S:
                    raise self._no_worker()
                if not ready:
                    yield Computing(self.note())
        finally:
            for node, member in list(self._members.items()):
                if member.shards:
                    self._kill(node)

    def note(self) -> str:
        """Shards done, by worker."""
        return ", ".join(f"{name}: {count}" for name, count in sorted(self.done.items()))

    def close(self) -> None:
        """Ends all workers."""
        for node in list(self._members):
            self._kill(node)

    def _look_at_nodes(self) -> None:
        """Starts a worker on every node that has none, at most once a second."""
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        for node in self._ray.nodes():
            name, resources = node["NodeID"], node["Resources"]
            free = name not in self._members and self._deaths[name] < _MOST_DEATHS
            if node["Alive"] and resources.get("CPU", 0) >= 1 and free:
                self._members[name] = self._start(name, node["NodeManagerAddress"], resources)

    def _wait(self, references: Sequence[Any]) -> Sequence[Any]:
        """Those of the references that are there after a moment at most."""
        if not references:
            time.sleep(_LOOK_S)
            return []
        ready, _ = self._ray.wait(references, timeout=_LOOK_S)
        return ready

    def _start(self, node: str, address: str, resources: Mapping[str, float]) -> _Member:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = self._ray.remote(Worker).options(
            num_cpus=int(resources["CPU"]),
            num_gpus=min(1, int(resources.get("GPU", 0))),
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        handle = actor.remote(self._settings)
        return _Member(f"{address}/{node[:4]}", handle, handle.versions.remote())

    def _hand_out(self, task: Callable[[Any, Shard], Result], shards: Sequence[Shard], waiting: deque[int]) -> None:
        for member in self._members.values():
            while waiting and not member.greeting and len(member.shards) < _AHEAD:
                number = waiting.popleft()
                member.shards[member.actor.run.remote(task, shards[number])] = number

    def _receive(self, reference: Any, waiting: deque[int], deaths: Counter[int]) -> tuple[int | None, Any]:
        """The number and result of a shard that is done; None if that was a greeting, or the worker has died."""
        from ray.exceptions import RayError, RayTaskError

        node = next((node for node, member in self._members.items() if reference in _awaited(member)), None)
        if node is None:  # of a worker that has died since
            return None, None
        member = self._members[node]
        try:
            value = self._ray.get(reference)
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, TesseraError) else error from None
        except RayError as error:
            self._last_death = str(error).strip().splitlines()[0]
            self._requeue(node, waiting, deaths)
            return None, None
        if reference == member.greeting:
            member.greeting = None
            _require_same_versions(value, member.name)
            return None, None
        number, (result, seconds) = member.shards.pop(reference), value
        self.done[member.name] += 1
        self.busy_s[member.name] += seconds
        return number, result

    def _requeue(self, node: str, waiting: deque[int], deaths: Counter[int]) -> None:
        """Gives the shards of a dead worker to others; the one under way counts as what it may have died of."""
        member = self._members[node]
        lost = list(member.shards.values())
        self._kill(node)
        if member.greeting:
            self._deaths[node] += 1
        for number in lost[:1]:
            deaths[number] += 1
            if deaths[number] >= _MOST_DEATHS:
                raise TesseraError(
                    message("{n} workers died over the same shard: {error}.", n=_MOST_DEATHS, error=self._last_death),
                    "Look into the logs of Ray for what ended them; memory that is full is the usual reason.",
                )
        waiting.extendleft(reversed(lost))

    def _kill(self, node: str) -> None:
        self._ray.kill(self._members.pop(node).actor)

    def _no_worker(self) -> TesseraError:
        why = self._last_death or "none has started"
        return TesseraError(
            message("No worker of the Ray cluster computes: {why}.", why=why),
            "See with `ray status` whether its nodes live and their processors are free.",
        )


def _awaited(member: _Member) -> list[Any]:
    """References to what a worker still owes."""
    return [*([member.greeting] if member.greeting else []), *member.shards]


def _require_same_versions(theirs: Mapping[str, str], worker: str) -> None:
    """Holds that a worker computes with the libraries of this machine, so that its bytes are those of this machine."""
    from core.models.machine import versions

    for name, version in versions().items():
        if theirs.get(name) != version:
            what = message(
                "The worker {worker} has {name} {theirs}, this machine {ours}.",
                worker=worker,
                name=name,
                theirs=theirs.get(name, "-"),
                ours=version,
            )
            raise ModelError(what, "Install the same versions on every machine.")
