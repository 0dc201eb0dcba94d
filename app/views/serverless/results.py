"""What studies of the serverless lab found."""

from __future__ import annotations

import json

import streamlit as st

from app.figures import serverless as figures
from app.figures import serverless_flow as flow
from app.i18n import labels, t, tn
from app.views.shared.chart import chart
from app.views.shared.download import download
from app.views.shared.shipped import shipped, shipped_line
from app.views.shared.table import show_table
from core.labs.serverless.study import cost, runs
from core.workspace import Workspace

_IDLE_S = 300.0
_TRAFFIC = [10 ** (exponent / 4) for exponent in range(8, 33)]
_STEPS = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


def show_own(ws: Workspace) -> None:
    """A study that was kept here, with its download."""
    names = runs.names(ws)
    name = str(st.selectbox(t("Study"), names, key="serverless-run", help=t("The newest comes first.")))
    findings = runs.read(ws, name)
    _show_study(findings)
    content = json.dumps(findings, indent=1)
    download("JSON", content, f"serverless-{name}.json", "serverless-json")


def show_shipped() -> None:
    """The study that ships with the sample."""
    findings = shipped("serverless")
    shipped_line((findings["created"][:10], findings["machine"]["processor"]))
    _show_study(findings)


def _show_study(findings: runs.Findings) -> None:
    _overview(findings)
    _plots(findings)
    _crossing(findings)
    _costs(findings)


def _overview(findings: runs.Findings) -> None:
    config, machine = findings["config"], findings["machine"]
    st.caption(
        t(
            "{stage} · {workers}, {cores} · workers run {runtime} · index in {index} · LanceDB {lancedb} · "
            "{questions}, {rounds}, seed {seed}",
            stage=t(config["stage"]),
            workers=tn(config["concurrency"], "{n:,} retrieval worker", "{n:,} retrieval workers"),
            cores=tn(machine["cpus"], "{n:,} CPU core", "{n:,} CPU cores"),
            runtime=machine["runtime"],
            index=t(machine["index"]),
            lancedb=machine["lancedb"],
            questions=tn(findings["questions"], "{n:,} question", "{n:,} questions"),
            rounds=tn(config["rounds"], "{n:,} round", "{n:,} rounds"),
            seed=config["seed"],
        )
    )
    for size in findings["sizes"]:
        ratio = size.get("compared", {}).get("search_ms")
        if ratio:
            st.markdown(
                t(
                    "**{passages:,} passages** ({real:,} real): flat search takes **{ratio:.2f} times** as long as "
                    "IVF_HNSW_SQ (95 % interval {lo:.2f} to {hi:.2f}, n = {n}, the same questions in alternation).",
                    passages=size["passages"],
                    real=size["real"],
                    ratio=ratio["ratio"],
                    lo=ratio["lo"],
                    hi=ratio["hi"],
                    n=ratio["n"],
                )
            )
    _show(_table(findings))


def _table(findings: runs.Findings) -> dict[str, dict[str, str]]:
    """By size and index what was measured, by name; numbers are many and indexes few."""
    columns = {}
    for size in findings["sizes"]:
        for kind, index in size["indexes"].items():
            load, probe = index["load"], index["probe"]
            latency = load["latency"] or {}
            columns[f"{figures.label(kind)}, {size['passages']:,}"] = {
                "Search (ms)": f"{probe['search_ms']:,.2f}",
                "Retrieval (ms)": f"{probe['retrieval_ms']:,.1f}",
                "p50 (ms)": f"{latency['p50']:,.0f}" if latency else "",
                "p99 (ms)": f"{latency['p99']:,.0f}" if latency else "",
                "Answered per s": f"{load['throughput_rps']:,.1f}",
                "Throttled": f"{load['outcomes']['throttled']:,}",
                "Failed": f"{load['requests'] - load['outcomes']['ok'] - load['outcomes']['throttled']:,}",
                f"Recall@{findings['config']['k']}": f"{index['recall']['mean']:.3f}" if index["recall"] else "",
                "Cold start (s)": f"{index['cold']['p50_ms'] / 1000:,.1f}",
                "Build (s)": f"{index['build_s']:,.1f}",
            }
    return columns


def _plots(findings: runs.Findings) -> None:
    sizes = {size["passages"]: size for size in findings["sizes"]}
    chosen = st.segmented_control(
        t("Passages"), list(sizes), default=max(sizes), format_func=lambda n: f"{n:,}", key="serverless-size"
    )
    indexes = sizes[chosen or max(sizes)]["indexes"]
    times = {figures.label(kind): index["load"]["stages"] for kind, index in indexes.items()}
    boxes = flow.stages(findings["config"]["stage"] == "pipeline", times)
    chart(flow.pipeline_figure(boxes), key="flow", alt=flow.describe_pipeline(boxes))
    left, right = st.columns(2)
    with left:
        st.markdown(t("##### How long answers took under load"))
        chart(figures.latency_figure(indexes), key="latency", alt=figures.describe_latency(indexes))
        st.caption(t(figures.describe_latency(indexes)))
    with right:
        st.markdown(t("##### What became of the requests"))
        alt = figures.describe_reliability(indexes)
        chart(figures.reliability_figure(indexes), key="reliability", alt=alt)
        st.caption(t(alt))
    st.markdown(t("##### Cold and warm"))
    chart(figures.cold_figure(indexes), key="cold", alt=figures.describe_cold(indexes))
    if any(len(index["load"].get("shares", {})) > 1 for index in indexes.values()):
        st.markdown(t("##### Where time and money go"))
        alt = flow.describe_shares(indexes)
        chart(flow.share_figure(indexes), key="shares", alt=alt)
        st.caption(
            t(
                "{shares}. Time inside the functions, kept results included; cost of their compute and objects.",
                shares=t(alt),
            )
        )
    for kind, index in indexes.items():
        share = index["probe"]["retrieval_share"]
        if share:
            st.markdown(
                t(
                    "{index}: retrieval is **{mean:.0%}** of the functions' time ({lo:.0%} to {hi:.0%}).",
                    index=figures.label(kind),
                    mean=share["mean"],
                    lo=share["lo"],
                    hi=share["hi"],
                )
            )


def _crossing(findings: runs.Findings) -> None:
    if len(findings["sizes"]) < 2 or not findings["crossover"]:
        return
    st.subheader(t("Where the index pays off"), anchor=False)
    what = str(
        st.radio(
            t("Time of"),
            list(findings["crossover"]),
            format_func=labels(_TIMES),
            horizontal=True,
            key="serverless-what",
        )
    )
    crossed = findings["crossover"][what]
    alt = figures.describe_crossover(findings["sizes"], crossed, what)
    chart(figures.crossover_figure(findings["sizes"], crossed, what), key="crossover", alt=alt)
    st.caption(
        t(
            "{where} Interpolated between measured sizes; flat search is exact, the other not.",
            where=t(figures.where(crossed)),
        )
    )


def _costs(findings: runs.Findings) -> None:
    st.subheader(t("What it would cost on AWS"), anchor=False)
    size = findings["sizes"][-1]
    costs = {kind: cost.Cost(**index["cost"]) for kind, index in size["indexes"].items() if index["cost"]}
    if not costs:
        st.info(t("No request was answered: there is no cost to calculate."), icon=":material/info:")
        return
    prices = cost.load_prices()
    at = st.select_slider(
        t("Queries a month"), _STEPS, 10_000, format_func=lambda n: f"{n:,}", key="serverless-traffic"
    )
    lines = {kind: [cost.at_traffic(c, q, _IDLE_S) for q in _TRAFFIC] for kind, c in costs.items()}
    always = [cost.always_on(prices, q) for q in _TRAFFIC]
    here = {kind: cost.at_traffic(c, at, _IDLE_S) for kind, c in costs.items()}
    alt = flow.describe_cost(here, cost.always_on(prices, at), at, prices.always_on_name)
    figure = flow.cost_figure(lines, always, _TRAFFIC, at, prices.always_on_name)
    chart(figure, key="cost", alt=alt)
    st.caption(
        t(
            "{described} {passages:,} passages; times of the machine that measured, prices of {region} noted on {date} "
            "in core/labs/serverless/prices.yaml: check them. A worker is taken to stay warm for {idle:.0f} s.",
            described=t(alt),
            passages=size["passages"],
            region=prices.region,
            date=prices.date,
            idle=_IDLE_S,
        )
    )


def _show(columns: dict[str, dict[str, str]]) -> None:
    names = list(dict.fromkeys(name for measured in columns.values() for name in measured))
    shown = {t("Index, passages"): [t(name) for name in names]}
    shown |= {column: [measured[name] for name in names] for column, measured in columns.items()}
    show_table(shown, "serverless-table", height="content")
    st.caption(
        t(
            "Search and retrieval: medians of requests one at a time. p50 and p99: half and 99 % of the answers under "
            "load came within this time; the boxes below hold the medians under load, too."
        )
    )


_TIMES = {"search_ms": "search alone", "retrieval_ms": "the retrieval function"}
