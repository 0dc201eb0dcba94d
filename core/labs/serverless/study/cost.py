"""What a load would have cost on AWS, from a dated price table that anyone may edit (``prices.yaml``)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AliasPath, BeforeValidator, Field, TypeAdapter, ValidationError

from core.errors import TesseraError
from core.labs.serverless.study.samples import Billing, Load
from core.messages import message

PRICES = Path(__file__).resolve().parent.parent / "prices.yaml"
HOURS_A_MONTH = 730
_SECONDS_A_MONTH = HOURS_A_MONTH * 3600


Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Prices:
    """The price table in US dollars; the paths say where each number stands in it.

    Attributes:
        date: Day of the prices, ISO 8601.
        machine_request: Step Functions Express, per execution.
        machine_memory_mb: Memory an execution is billed for.
        machine_round_ms: What its length is rounded up to.
    """

    date: Annotated[str, BeforeValidator(str)]
    region: str
    gb_second: Annotated[Price, Field(validation_alias=AliasPath("lambda", "gb_second"))]
    request: Annotated[Price, Field(validation_alias=AliasPath("lambda", "request"))]
    machine_request: Annotated[Price, Field(validation_alias=AliasPath("step_functions", "request"))]
    machine_gb_second: Annotated[Price, Field(validation_alias=AliasPath("step_functions", "gb_second"))]
    machine_memory_mb: Annotated[Price, Field(validation_alias=AliasPath("step_functions", "memory_mb"))]
    machine_round_ms: Annotated[Price, Field(validation_alias=AliasPath("step_functions", "round_ms"))]
    api_request: Annotated[Price, Field(validation_alias=AliasPath("api_gateway", "request"))]
    get: Annotated[Price, Field(validation_alias=AliasPath("s3", "get"))]
    put: Annotated[Price, Field(validation_alias=AliasPath("s3", "put"))]
    always_on_name: Annotated[str, Field(validation_alias=AliasPath("always_on", "name"))]
    always_on_hour: Annotated[Price, Field(validation_alias=AliasPath("always_on", "hour"))]


@dataclass(frozen=True)
class Cost:
    """An estimate in US dollars for 1,000 queries.

    Attributes:
        compute: Lambda's GB-seconds when warm.
        cold: Added by cold starts if each of the 1,000 queries had one.
        requests: Lambda, Step Functions, API Gateway and the objects of the result cache, by the request.
        machine: Step Functions, by time.
        total: Without cold starts.
        functions: The cost of each function: its compute, and for the cache also the objects it reads and writes.
    """

    compute: float
    cold: float
    requests: float
    machine: float
    total: float
    date: str
    functions: dict[str, float] = field(default_factory=dict)


def load_prices(path: Path = PRICES) -> Prices:
    """Reads the table.

    Raises:
        TesseraError: It cannot be read, or a price is missing or no number.
    """
    try:
        prices: Prices = TypeAdapter(Prices).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        wrong = error.errors()[0]
        raise _unusable(path, f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from error
    except (OSError, yaml.YAMLError) as error:
        raise _unusable(path, str(error)) from error
    return prices


def _unusable(path: Path, why: str) -> TesseraError:
    what = message("The price table {name} cannot be used ({error}).", name=path.name, error=why)
    return TesseraError(what, "Correct or restore it.")


def estimate(load: Load, prices: Prices) -> Cost | None:
    """Cost of 1,000 queries like the successes of ``load``; None when there was none.

    A cold start is billed from the start of the process on, as container images are. Failures are paid for,
    too; their cost is divided among the successes.
    """
    good = load.outcomes["ok"]
    if not good:
        return None
    warm = {name: _mean_gb_s(billed) for name, billed in load.billing.items()}
    invocations = {name: billed.warm + billed.cold for name, billed in load.billing.items()}
    functions = {name: n * warm[name] * prices.gb_second * 1000 / good for name, n in invocations.items()}
    compute = sum(functions.values())
    started = {name: billed for name, billed in load.billing.items() if billed.cold}
    extra = sum(max(0.0, billed.cold_gb_s / billed.cold - warm[name]) for name, billed in started.items())
    executions = load.requests if load.machine_ms else 0
    fees = sum(invocations.values()) * prices.request + executions * prices.machine_request
    # A look-up reads the result and the mark of the index, keeping one reads the mark and writes.
    looked_up, stored = load.calls.get("lookup", 0), load.calls.get("keep", 0)
    objects = (2 * looked_up + stored) * prices.get + stored * prices.put
    if objects:
        functions["cache"] += objects * 1000 / good
    fees += objects
    requests = (fees + load.requests * prices.api_request) * 1000 / good
    machine = _machine_gb_s(load, prices) * prices.machine_gb_second * 1000 / good
    cold = extra * prices.gb_second * 1000
    return Cost(compute, cold, requests, machine, compute + requests + machine, prices.date, functions)


def at_traffic(cost: Cost, queries_a_month: float, idle_s: float) -> float:
    """Cost of 1,000 queries in US dollars at a steady traffic, cold starts included.

    A query finds no warm worker if no other came within the idle time before it; for Poisson arrivals at rate r the
    probability of that is exp(-r * idle).
    """
    rate = queries_a_month / _SECONDS_A_MONTH
    return cost.total + cost.cold * math.exp(-rate * idle_s)


def always_on(prices: Prices, queries_a_month: float) -> float:
    """Cost of 1,000 queries in US dollars on one machine that is paid by the hour, whether or not it works."""
    return prices.always_on_hour * HOURS_A_MONTH / queries_a_month * 1000


def _mean_gb_s(billed: Billing) -> float:
    """GB-seconds of a warm invocation; of a cold one where none was warm."""
    return billed.warm_gb_s / billed.warm if billed.warm else billed.cold_gb_s / max(1, billed.cold)


def _machine_gb_s(load: Load, prices: Prices) -> float:
    if not load.machine_ms:
        return 0.0
    executions = load.requests
    mean_ms = load.machine_ms / executions
    billed_ms = math.ceil(mean_ms / prices.machine_round_ms) * prices.machine_round_ms
    return executions * billed_ms / 1000 * prices.machine_memory_mb / 1024
