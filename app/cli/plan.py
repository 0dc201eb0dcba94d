"""``plan``: what each method takes at a size that was not measured."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from app.cli.common import WorkspaceOption, console, deliver, emit, say, settings_and_workspace, wants_json
from core.normalise import comma_separated

if TYPE_CHECKING:
    from core.labs.plan.check import PredictionCheck
    from core.labs.plan.plan import MethodPlan


def plan(
    passages: Annotated[float, typer.Option(help="How many passages, such as 1e9.")] = 1e6,
    qps: Annotated[float, typer.Option(help="Questions a second at the busiest time.")] = 1.0,
    day: Annotated[float, typer.Option(help="Questions a day; without it, a fifth of a day at --qps.")] = 0.0,
    changes: Annotated[float, typer.Option(help="Passages that change in a week.")] = 0.0,
    model: Annotated[str, typer.Option(help="smollm2-135m, qwen3-8b or llama-3.1-8b.")] = "smollm2-135m",
    machine: Annotated[str, typer.Option(help="Of the price table: cpu or gpu. Without it, as fast as this one.")] = "",
    prices: Annotated[Path | None, typer.Option(help="Another price table (YAML).")] = None,
    check: Annotated[
        str, typer.Option(help="Comma-separated workspaces: what this one predicts of them, beside what they took.")
    ] = "",
    workspace: WorkspaceOption = "sample",
) -> None:
    """Plan bytes, machines, build hours, first token and cost of every method, from what a workspace measured here.

    Reads the manifests of the workspace and its latest evaluation of rag, cag and memory.

    Example: python -m app plan --passages 1e9 --qps 100 --model qwen3-8b --machine gpu
    """
    from core.labs.plan.check import check as check_plan
    from core.labs.plan.coefficients import coefficients
    from core.labs.plan.memory_advice import memory_advice
    from core.labs.plan.plan import Demand, advice, pays
    from core.labs.plan.plan import plan as make_plan
    from core.labs.plan.prices import PRICES, load_prices
    from core.workspace import existing_workspace

    settings, ws = settings_and_workspace(workspace)
    measured = coefficients(ws)
    table = load_prices(prices or PRICES)
    if check:
        others = [existing_workspace(name, settings.workspaces) for name in comma_separated(check)]
        checked = [method for other in others for method in check_plan(measured, table, other)]
        found = {"checked": [{**asdict(method), "error": method.error} for method in checked]}
        deliver(found, lambda: _show_checked(checked))
        return
    demand = Demand(passages, qps, day or qps * 86_400 / 5, changes, model, machine)
    plans = make_plan(demand, measured, table)
    text, about_memory = advice(demand, plans, table.currency), memory_advice(demand, plans, measured, table)
    if wants_json():
        break_even = {method.method: asdict(pays(method, plans[0])) for method in plans[1:]}
        facts = {"demand": asdict(demand), "coefficients": asdict(measured), "prices": asdict(table)}
        words = {"advice": text, "memory_advice": about_memory or ""}
        emit({**facts, "methods": [asdict(method) for method in plans], "break_even": break_even, **words})
        return
    _show(plans, demand.day)
    say(text)
    if about_memory:
        say(about_memory)
    say(
        f"From {measured.run} (n = {measured.n}, {measured.model}, {measured.machine}) and prices of {table.as_of} in "
        f"{table.currency}; other models and machines by their operations and bandwidths, not measured."
    )


def _show(plans: tuple[MethodPlan, ...], day: float) -> None:
    from core.labs.plan.plan import pays
    from core.methods.registry import METHODS
    from core.units import seconds, size

    names = (
        "method",
        "stored",
        "in memory",
        "build h",
        "first token",
        "machines",
        "a month",
        "pays off after",
        "F1 - RAG",
    )
    table = Table(*names)
    for plan in plans:
        break_even = pays(plan, plans[0])
        after = "never" if break_even.questions is None else f"{break_even.questions / day:,.1f} days"
        quality = f"{plan.quality.mean:+.2f} ({plan.quality.lo:+.2f} to {plan.quality.hi:+.2f})" if plan.quality else ""
        table.add_row(
            METHODS[plan.method].label,
            size(plan.stored),
            size(plan.held),
            f"{plan.build_s / 3600:,.1f}",
            seconds(plan.ttft_s * 1000),
            f"{plan.machines:,}",
            f"{plan.month:,.0f}",
            "" if plan is plans[0] else after,
            quality,
        )
    console.print(table)
    for plan in plans:
        say(f"{METHODS[plan.method].label} breaks first at its {plan.breaks}.")


def _show_checked(checked: list[PredictionCheck]) -> None:
    table = Table("passages", "figure", "predicted", "measured", "error")
    for row in checked:
        cells = (f"{row.passages:,}", row.what, f"{row.predicted:,.1f}", f"{row.measured:,.1f}", f"{row.error:+.1%}")
        table.add_row(*cells)
    console.print(table)
