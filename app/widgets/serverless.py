"""The serverless lab: starting a study, and what studies found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd
import streamlit as st

from app import state
from core.errors import TesseraError
from core.figures import serverless as figures
from core.figures import serverless_flow as flow
from core.figures.units import plural
from core.serverless.study import cost, runs
from core.serverless.study.arrivals import Arrivals
from core.serverless.study.config import StudyConfig
from core.serverless.study.senders import Stage
from core.workspace import Workspace

_BARE = {"displayModeBar": False}
_IDLE_S = 300.0
_TRAFFIC = [10 ** (exponent / 4) for exponent in range(8, 33)]
_STEPS = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


def form(ws: Workspace, passages: int, busy: bool) -> None:
    """Settings of a study, and its start.

    Raises:
        TesseraError: What was entered makes no study.
    """
    with st.form("serverless-form", border=True):
        left, middle, right = st.columns(3)
        sizes = left.text_input(
            "Passages in the index",
            f"{passages}, {max(2000, passages * 10)}",
            help=f"Separated by commas. Beyond the {passages:,} of this corpus they are synthetic vectors near real "
            "ones.",
        )
        stage = middle.selectbox("What is asked", list(_ASKED), format_func=lambda name: _ASKED[name])
        workers = right.number_input("Retrieval workers", 1, 8, 2, help="Beyond them a request is throttled (429).")
        rate_from = left.number_input("Requests per second, at first", 0.1, 200.0, 1.0)
        rate_to = middle.number_input("… and at the top", 0.1, 500.0, 20.0)
        seconds = right.number_input("Seconds per load", 2, 600, 15)
        label, icon = "Start the load", ":material/play_arrow:"
        if not st.form_submit_button(label, type="primary", icon=icon, disabled=busy, key="serverless-start"):
            return
    settings = state.models().settings
    config = StudyConfig(
        _numbers(sizes),
        Arrivals(rate_from, rate_to, float(seconds)),
        stage=cast(Stage, stage),
        concurrency=int(workers),
        k=10 if stage == "retrieval" else settings.top_k,
        seed=settings.seed,
    )
    models, corpus = state.models(), state.corpus_of(ws)
    state.start_job(ws.name, "Serverless load", lambda target: runs.run(target, models, corpus, config))
    st.rerun()


def _numbers(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise TesseraError(f"{text!r} are no numbers of passages.", "Give whole numbers, separated by commas.")
    return tuple(sorted(set(map(int, parts))))


def live(history: Sequence[Mapping[str, Any]]) -> None:
    """The load under way."""
    points = [point for point in history if "load" in point]
    if not points:
        return
    times: dict[str, Any] = next((point["stages"] for point in reversed(points) if point["stages"]), {})
    boxes = flow.stages("generation" in times, {"": times})
    st.plotly_chart(flow.pipeline_figure(boxes), key="live-flow", config=_BARE, alt=flow.describe_pipeline(boxes))
    st.plotly_chart(flow.live_figure(points), key="live-load", config=_BARE, alt=flow.describe_live(points))
    st.caption(flow.describe_live(points))


def choose(ws: Workspace) -> str:
    """Which kept study is looked at."""
    names = runs.names(ws)
    return str(st.selectbox("Study", names, key="serverless-run", help="The newest comes first."))


def export(name: str, findings: runs.Findings) -> None:
    """Downloads of a study."""
    with st.container(horizontal=True, gap="small"):
        content = json.dumps(findings, indent=1)
        st.download_button("JSON", content, f"serverless-{name}.json", "application/json", icon=":material/download:")
        st.download_button(
            "CSV", runs.to_csv(findings), f"serverless-{name}.csv", "text/csv", icon=":material/download:"
        )


def overview(findings: runs.Findings) -> None:
    """The study in a few sentences and one table."""
    config, machine = findings["config"], findings["machine"]
    st.caption(
        f"{config['stage']} · {plural(config['concurrency'], 'retrieval worker')} on {machine['cpus']} CPUs · workers "
        f"run {machine['runtime']} · index in {machine['index']} · LanceDB {machine['lancedb']} · "
        f"{plural(findings['questions'], 'question')}, {plural(config['rounds'], 'round')}, seed {config['seed']}"
    )
    for size in findings["sizes"]:
        ratio = size.get("compared", {}).get("search_ms")
        if ratio:
            st.markdown(
                f"**{size['passages']:,} passages** ({size['real']:,} real): flat search takes **{ratio['ratio']:.2f} "
                f"times** as long as IVF_HNSW_SQ (95 % interval {ratio['lo']:.2f} to {ratio['hi']:.2f}, "
                f"n = {ratio['n']}, the same questions in alternation)."
            )
    st.dataframe(table(findings), hide_index=True, key="serverless-table")


def table(findings: runs.Findings) -> pd.DataFrame:
    """One row per size and index: the twin of the figures."""
    rows = []
    for size in findings["sizes"]:
        for kind, arm in size["arms"].items():
            load, probe = arm["load"], arm["probe"]
            latency = load["latency"] or {}
            rows.append(
                {
                    "Passages": size["passages"],
                    "Index": figures.label(kind),
                    "Search (ms)": round(probe["search_ms"], 2),
                    "Retrieval (ms)": round(probe["retrieval_ms"], 1),
                    "p50 under load": latency.get("p50"),
                    "p99 under load": latency.get("p99"),
                    "Answered per s": round(load["throughput_rps"], 2),
                    "Throttled": load["outcomes"]["throttled"],
                    "Failed": load["requests"] - load["outcomes"]["ok"] - load["outcomes"]["throttled"],
                    f"Recall@{findings['config']['k']}": arm["recall"]["mean"] if arm["recall"] else None,
                    "Cold start (ms)": round(arm["cold"]["p50_ms"]),
                    "Build (s)": round(arm["build_s"], 2),
                }
            )
    return pd.DataFrame(rows)


def plots(findings: runs.Findings) -> None:
    """Latencies, reliability and cold starts at one size."""
    sizes = {size["passages"]: size for size in findings["sizes"]}
    chosen = st.segmented_control(
        "Passages", list(sizes), default=max(sizes), format_func=lambda n: f"{n:,}", key="serverless-size"
    )
    arms = sizes[chosen or max(sizes)]["arms"]
    times = {figures.label(kind): arm["load"]["stages"] for kind, arm in arms.items()}
    boxes = flow.stages(findings["config"]["stage"] == "pipeline", times)
    st.plotly_chart(flow.pipeline_figure(boxes), key="flow", config=_BARE, alt=flow.describe_pipeline(boxes))
    left, right = st.columns(2)
    with left:
        st.markdown("##### How long answers took under load")
        st.plotly_chart(figures.latency_figure(arms), key="latency", config=_BARE, alt=figures.describe_latency(arms))
        st.caption(figures.describe_latency(arms))
    with right:
        st.markdown("##### What became of the requests")
        alt = figures.describe_reliability(arms)
        st.plotly_chart(figures.reliability_figure(arms), key="reliability", config=_BARE, alt=alt)
        st.caption(alt)
    st.markdown("##### Cold and warm")
    st.plotly_chart(figures.cold_figure(arms), key="cold", config=_BARE, alt=figures.describe_cold(arms))
    for kind, arm in arms.items():
        share = arm["probe"]["retrieval_share"]
        if share:
            st.markdown(
                f"{figures.label(kind)}: retrieval is **{share['mean']:.0%}** of the functions' time "
                f"({share['lo']:.0%} to {share['hi']:.0%})."
            )


def crossing(findings: runs.Findings) -> None:
    """Where one index overtakes the other."""
    if len(findings["sizes"]) < 2 or not findings["crossover"]:
        return
    st.subheader("Where the index pays off", anchor=False)
    what = str(
        st.radio(
            "Time of",
            list(findings["crossover"]),
            format_func=lambda name: _TIMES[name],
            horizontal=True,
            key="serverless-what",
        )
    )
    crossed = findings["crossover"][what]
    alt = figures.describe_crossover(findings["sizes"], crossed, what)
    st.plotly_chart(figures.crossover_figure(findings["sizes"], crossed, what), key="crossover", config=_BARE, alt=alt)
    st.caption(figures.where(crossed) + " Interpolated between measured sizes; flat search is exact, the other not.")


def costs(findings: runs.Findings) -> None:
    """What 1,000 queries would cost at a traffic that is chosen."""
    st.subheader("What it would cost on AWS", anchor=False)
    size = findings["sizes"][-1]
    found = {kind: cost.Cost(**arm["cost"]) for kind, arm in size["arms"].items() if arm["cost"]}
    if not found:
        st.info("No request was answered: there is nothing to reckon with.", icon=":material/info:")
        return
    prices = cost.load_prices()
    at = st.select_slider("Queries a month", _STEPS, 10_000, format_func=lambda n: f"{n:,}", key="serverless-traffic")
    lines = {kind: [cost.at_traffic(c, q, _IDLE_S) for q in _TRAFFIC] for kind, c in found.items()}
    always = [cost.always_on(prices, q) for q in _TRAFFIC]
    here = {kind: cost.at_traffic(c, at, _IDLE_S) for kind, c in found.items()}
    alt = flow.describe_cost(here, cost.always_on(prices, at), at, prices.always_on_name)
    figure = flow.cost_figure(lines, always, _TRAFFIC, at, prices.always_on_name)
    st.plotly_chart(figure, key="cost", config=_BARE, alt=alt)
    st.caption(
        f"{alt} {size['passages']:,} passages; times of this machine, prices of {prices.region} noted on {prices.date} "
        f"in core/serverless/prices.yaml: check them. A worker is taken to stay warm for {_IDLE_S:.0f} s."
    )


def compared(ws: Workspace, current: str) -> None:
    """Kept studies side by side."""
    others = [name for name in runs.names(ws) if name != current]
    if not others:
        return
    with st.expander("Compare with another study", icon=":material/compare_arrows:"):
        other = str(st.selectbox("The other study", others, key="serverless-other"))
        both = [table(runs.read(ws, name)).assign(Study=name) for name in (current, other)]
        st.dataframe(pd.concat(both).set_index("Study").reset_index(), hide_index=True, key="serverless-compared")


def honest() -> None:
    """What is real here, and what is not."""
    with st.expander("What is real here and what is simulated", icon=":material/fact_check:"):
        st.markdown(
            "**Real:** worker processes that start, import and load; one request at a time in each; time-outs that "
            "kill; throttles at the limit; the handlers and the state machine that deploy/ ships; LanceDB's indexes; "
            "models, clocks and answers.\n\n"
            "**Simulated:** the cloud around them. All workers share this machine's CPUs, where Lambda gives each its "
            "own; no network lies between the parts; memory is not limited; passages beyond the corpus are synthetic "
            "vectors; cost is reckoned from a price table, not billed."
        )


_ASKED = {"retrieval": "the retrieval function", "pipeline": "the whole pipeline"}
_TIMES = {"search_ms": "search alone", "retrieval_ms": "the retrieval function"}
