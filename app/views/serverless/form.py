"""Starting a study of the serverless lab, and what is seen of it while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import streamlit as st

from app import state
from app.figures import serverless_flow as flow
from app.i18n import labels, t
from app.views.shared.chart import chart
from core.errors import TesseraError
from core.labs.serverless.study import runs
from core.labs.serverless.study.config import Arrivals, StudyConfig
from core.labs.serverless.study.samples import Stage
from core.messages import message
from core.normalise import comma_separated
from core.workspace import Workspace

_ASKED = {"retrieval": "the retrieval function", "pipeline": "the whole pipeline"}


def real_and_simulated() -> None:
    """What is real here, and what is not."""
    with st.expander(t("What is real here and what is simulated"), icon=":material/fact_check:"):
        st.markdown(
            t(
                "**Real:** worker processes that start, import and load; one request at a time in each; time-outs that "
                "kill; throttles at the limit; the handlers and the state machine that deploy/ ships; LanceDB's "
                "indexes; models, clocks and answers."
            )
            + "\n\n"
            + t(
                "**Simulated:** the cloud around them. All workers share this machine's CPUs, where Lambda gives each "
                "its own; no network lies between the parts; memory is not limited; passages beyond the corpus are "
                "synthetic vectors; cost is calculated from a price table, not billed."
            )
        )


def form(ws: Workspace, passages: int, busy: bool) -> None:
    """Settings of a study, and its start.

    Raises:
        TesseraError: What was entered makes no study.
    """
    with st.form("serverless-form", border=True):
        left, middle, right = st.columns(3)  # a row at a time: on a narrow screen columns stand below each other
        sizes = left.text_input(
            t("Passages in the index"),
            f"{passages}, {max(2000, passages * 10)}",
            help=t(
                "Separated by commas. Beyond the {n:,} of this corpus they are synthetic vectors near real ones.",
                n=passages,
            ),
        )
        stage = middle.selectbox(t("What is asked"), list(_ASKED), format_func=labels(_ASKED))
        workers = right.number_input(
            t("Retrieval workers"), 1, 8, 2, help=t("Beyond them a request is throttled (429).")
        )
        left, middle, right = st.columns(3)
        rate_from = left.number_input(t("Requests per second, at first"), 0.1, 200.0, 1.0)
        rate_to = middle.number_input(t("… and at the top"), 0.1, 500.0, 20.0)
        seconds = right.number_input(t("Seconds per load"), 2, 600, 15)
        left, middle, _ = st.columns(3)
        rerank = left.checkbox(t("Re-rank"), help=t("In the whole pipeline: ten passages are compared once more."))
        cache = middle.checkbox(
            t("Keep results"), help=t("In the whole pipeline: the same question is answered from them.")
        )
        label, icon = t("Start the load"), ":material/play_arrow:"
        if not st.form_submit_button(label, type="primary", icon=icon, disabled=busy, key="serverless-start"):
            return
    settings = state.settings()
    config = StudyConfig(
        _numbers(sizes),
        Arrivals(rate_from, rate_to, float(seconds)),
        stage=cast(Stage, stage),
        concurrency=int(workers),
        k=10 if stage == "retrieval" else settings.top_k,
        seed=settings.seed,
        rerank=rerank,
        cache=cache,
    )
    state.start_timed_job(ws.name, "Serverless load", runs.run, corpus=state.corpus_of(ws), config=config)
    st.rerun()


def _numbers(text: str) -> tuple[int, ...]:
    parts = comma_separated(text)
    if not all(part.isdecimal() for part in parts):
        raise TesseraError(
            message("{text!r} is not a list of numbers of passages.", text=text),
            "Give whole numbers, separated by commas.",
        )
    return tuple(sorted(set(map(int, parts))))


def live(history: Sequence[Mapping[str, Any]]) -> None:
    """The load under way."""
    points = [point for point in history if "load" in point]
    if not points:
        return
    times: dict[str, Any] = next((point["stages"] for point in reversed(points) if point["stages"]), {})
    boxes = flow.stages("generation" in times, {"": times})
    chart(flow.pipeline_figure(boxes), key="live-flow", alt=flow.describe_pipeline(boxes))
    chart(flow.live_figure(points), key="live-load", alt=flow.describe_live(points))
    st.caption(t(flow.describe_live(points)))
