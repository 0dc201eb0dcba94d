"""What each method takes at a size that was not measured: bytes, machines, build hours, first token, money, break-even.

Every figure is a coefficient (see ``core.labs.plan.coefficients``) times how many there are of it. Where another model
or machine is reckoned with, reading a prompt goes by 2 x parameters floating-point operations a token and decoding by
the bytes of the weights; loading goes by the disk. A search takes what it took here and reads vectors on top, at the
pace of the memory: all of them up to some hundred, beyond that the square root of their number of centroids and 20
cells behind them. Routing in the model reads all keys.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.cost import Account, BreakEven
from core.errors import TesseraError, require_known
from core.labs.plan.coefficients import CAG, MEMORY, RAG, Coefficients, looked_at
from core.labs.plan.prices import Machine, Prices
from core.messages import Message, message
from core.models.presets import find_preset
from core.statistics import Interval
from core.units import size

MONTH_H = 730
DAY_S, _WEEK_MONTH = 86_400, 52 / 12
_BUSY = 0.7
"""Share of a machine's time that questions may fill before they queue."""
_LEAST_ROOM = 0.2
_GB, _FLOPS = 1e9, 1e12


@dataclass(frozen=True)
class Shape:
    """The properties of a language model that decide its costs.

    Attributes:
        kv_token: Bytes of keys and values of a token.
        weights: Bytes of its weights.
    """

    parameters: float
    kv_token: float
    weights: float


SHAPES = {
    "smollm2-135m": Shape(134.5e6, 23_040, 0.27e9),
    "qwen3-8b": Shape(8.19e9, 147_456, 16.4e9),
    "llama-3.1-8b": Shape(8.03e9, 131_072, 16.1e9),
}
"""By preset: configuration of each model, weights and keys and values in 16 bits."""


def shape_of(model: str) -> Shape:
    """The ``Shape`` of a preset or hub id.

    Raises:
        TesseraError: It is not known.
    """
    preset = find_preset(model)
    name = preset.name if preset else model
    require_known("What {name!r} costs is not known.", name, SHAPES)
    return SHAPES[name]


@dataclass(frozen=True)
class Demand:
    """The requirements.

    Attributes:
        qps: Questions a second at the busiest time.
        changes: Passages that change in a week.
        model: See ``SHAPES``.
        machine: Of the price table; empty for machines like this one, at the price of "cpu".

    Raises:
        TesseraError: A number is out of range, or the model is not known.
    """

    passages: float
    qps: float
    day: float
    changes: float = 0.0
    model: str = "smollm2-135m"
    machine: str = ""

    def __post_init__(self) -> None:
        if not (self.passages >= 1 and self.qps > 0 and self.day > 0 and self.changes >= 0):
            raise TesseraError("A plan needs at least one passage and one question.", "Give numbers above 0.")
        shape_of(self.model)


@dataclass(frozen=True)
class Pace:
    """The speed of a machine with a model, in seconds.

    Attributes:
        prefill: For a token of the prompt.
        decode: For a token of the answer.
        load: For a byte of blocks.
        scan: For a byte of vectors.
        machine: What it is rented for.
    """

    prefill: float
    decode: float
    load: float
    scan: float
    machine: Machine


@dataclass(frozen=True)
class MethodPlan:
    """One method.

    Attributes:
        held: Bytes that have to be in memory.
        build_s: Seconds of one machine to build everything.
        machines: To answer at the busiest time.
        month: Machines, storage and renewing what changes, for a month.
        building: Price of the build.
        quality: F1 minus RAG's where it was measured; None for RAG.
        breaks: What breaks first as the numbers grow.
    """

    method: str
    stored: float
    held: float
    build_s: float
    ttft_s: float
    total_s: float
    machines: int
    month: float
    building: float
    quality: Interval | None
    breaks: Message


def pace(demand: Demand, measured: Coefficients, prices: Prices) -> Pace:
    """How fast it goes.

    Raises:
        TesseraError: The table has no such machine.
    """
    shape, reference = shape_of(demand.model), shape_of(measured.model)
    if not demand.machine:
        grown, machine = shape.parameters / reference.parameters, prices.machines["cpu"]
        scan = measured.scan_byte or 1 / (machine.memory_gb_s * _GB)
        return Pace(measured.prefill_token * grown, measured.decode_token * grown, measured.load_byte, scan, machine)
    require_known("The price table has no machine {name!r}.", demand.machine, prices.machines)
    machine = prices.machines[demand.machine]
    prefill, scan = 2 * shape.parameters / (machine.tflops * _FLOPS), 1 / (machine.memory_gb_s * _GB)
    return Pace(prefill, shape.weights * scan, 1 / (machine.disk_gb_s * _GB), scan, machine)


def plan(demand: Demand, measured: Coefficients, prices: Prices) -> tuple[MethodPlan, ...]:
    """RAG, CAG, and memory where one was measured."""
    speed = pace(demand, measured, prices)
    methods = {RAG: _rag, CAG: _cag, **({MEMORY: _memory} if measured.z else {})}
    return tuple(
        _plan(name, make(demand, measured, speed), demand, measured, prices, speed) for name, make in methods.items()
    )


def pays(ours: MethodPlan, rag: MethodPlan) -> BreakEven:
    """After how many questions the build has paid for itself in machine time."""
    account, baseline = (Account(one.method, one.method, one.build_s, one.total_s * 1000) for one in (ours, rag))
    return account.against(baseline)


def advice(demand: Demand, plans: Sequence[MethodPlan], currency: str) -> Message:
    """The recommendation in one sentence."""
    rag, cag = plans[0], plans[1]
    break_even = pays(cag, rag)
    values = {
        "rag": f"{rag.month:,.0f}",
        "cag": f"{cag.month:,.0f} {currency}",
        "ratio": f"{rag.ttft_s / cag.ttft_s:.1f}",
    }
    if break_even.questions is None:
        return message("Do not cache: a question takes no less time from blocks than from text here.")
    if cag.month > rag.month:
        return message(
            "Do not cache for the money: {cag} a month against RAG's {rag}; cache where a first token {ratio} times "
            "faster is worth the difference.",
            **values,
        )
    days = break_even.questions / demand.day
    return message(
        "Cache: {cag} a month against RAG's {rag}, a first token {ratio} times faster, and the build has paid for "
        "itself after {days:,.1f} days.",
        **values,
        days=days,
    )


@dataclass(frozen=True)
class _Quantities:
    """The needs of a method; everything else is derived from them.

    Attributes:
        build: Seconds to build for one passage.
        find: Seconds to find what is read.
        load: Bytes that are loaded.
        recalled: Tokens that are decoded before the answer.
        once: Seconds of the build that do not depend on how many passages there are.
    """

    stored: float
    held: float
    build: float
    find: float
    load: float
    prefilled: float
    recalled: float
    breaks: Message
    once: float = 0.0


def _plan(
    name: str, needs: _Quantities, demand: Demand, measured: Coefficients, prices: Prices, speed: Pace
) -> MethodPlan:
    ttft = needs.find + needs.load * speed.load + needs.prefilled * speed.prefill + needs.recalled * speed.decode
    total = ttft + measured.answer * speed.decode
    memory = speed.machine.memory_gb * _GB
    room = max(memory - shape_of(demand.model).weights, _LEAST_ROOM * memory)
    machines = max(math.ceil(demand.qps * total / _BUSY), math.ceil(needs.held / room), 1)
    hour = speed.machine.hour
    build_s = needs.once + demand.passages * needs.build
    renewing = demand.changes * _WEEK_MONTH * needs.build / 3600 * hour
    return MethodPlan(
        method=name,
        stored=needs.stored,
        held=needs.held,
        build_s=build_s,
        ttft_s=ttft,
        total_s=total,
        machines=machines,
        month=machines * hour * MONTH_H + needs.stored / _GB * prices.disk_gb_month + renewing,
        building=build_s / 3600 * hour,
        quality=measured.quality.get(name),
        breaks=needs.breaks,
    )


def _search(demand: Demand, measured: Coefficients, speed: Pace) -> float:
    return measured.encode + measured.search + looked_at(demand.passages) * measured.vector * speed.scan


def _rag(demand: Demand, measured: Coefficients, speed: Pace) -> _Quantities:
    vectors, read = demand.passages * measured.vector, measured.read * measured.tokens
    return _Quantities(
        stored=demand.passages * measured.text + vectors,
        held=vectors,
        build=measured.embed,
        find=_search(demand, measured, speed),
        load=0.0,
        prefilled=read + measured.question,
        recalled=0.0,
        breaks=message("prefill: every question reads {n:,.0f} tokens again", n=read),
    )


def _cag(demand: Demand, measured: Coefficients, speed: Pace) -> _Quantities:
    same = demand.model == measured.model
    kv_token = measured.kv_token if same else shape_of(demand.model).kv_token
    block = measured.block_token if same and not demand.machine else speed.prefill
    keys, vectors = measured.tokens * kv_token, demand.passages * measured.vector
    return _Quantities(
        stored=demand.passages * keys + vectors,
        held=vectors,
        build=measured.embed + measured.tokens * block,
        find=_search(demand, measured, speed),
        load=measured.read * keys,
        prefilled=measured.question,
        recalled=0.0,
        breaks=message(
            "disk: {size} of keys and values for a passage of {n:,.0f} tokens", size=size(keys), n=measured.tokens
        ),
    )


def _memory(demand: Demand, measured: Coefficients, speed: Pace) -> _Quantities:
    slower = speed.prefill / measured.prefill_token
    learn = measured.learn * slower
    compared = measured.question * speed.prefill * measured.compared / shape_of(demand.model).parameters
    keys = size(measured.key)
    return _Quantities(
        stored=demand.passages * measured.z + measured.shared,
        held=demand.passages * measured.key,
        build=measured.look_up + learn,
        find=measured.route * slower + demand.passages * compared,
        load=0.0,
        prefilled=measured.memory_tokens,
        recalled=measured.recall_tokens,
        breaks=message(
            "training: {s:,.1f} s for a document; routing keeps {size} of keys for it in RAM and looks at all",
            s=learn,
            size=keys,
        )
        if learn
        else message("routing: it keeps {size} of keys for every document in RAM and looks at all", size=keys),
        once=measured.trained * slower,
    )
