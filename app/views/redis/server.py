"""Redis as it is now: the server, its indexes, what was counted, and the answers it keeps."""

from __future__ import annotations

import streamlit as st

from app import state
from app.figures.latency import describe_latency, latency_figure
from app.i18n import duration, t, tn
from app.views.shared.chart import chart
from app.views.shared.frame import empty_state, guarded
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.labs.redis_status import ServerFacts, is_running, server_facts
from core.stores.redis.answer_keys import entries, flush, key_of
from core.stores.redis.connection import Connection, connection
from core.stores.redis.metrics import BUCKETS_MS, Metrics, Snapshot
from core.units import milliseconds, seconds, size
from core.workspace import Workspace

_REFRESH_S = 2.0
_LISTED = 200


def server_panel() -> bool:
    """The server in use; an embedded one that is not running is offered, not started.

    Returns:
        Whether there is a server to ask.

    Raises:
        TesseraError: There is one, but it refuses.
    """
    server = connection()
    if not is_running(server) and not st.session_state.get("redis_wanted"):
        empty_state(
            t("Redis is not running"),
            t(
                "Here Redis searches by vector, by words or by both, returns an answer that it has given before in "
                "milliseconds, and counts hits, misses and times."
            )
            + "\n\n"
            + t(
                "It is started when a search or an answer first needs it, and ends with the last program that uses it. "
                "What it held is still on disk."
            ),
        )
        st.button(
            t("Start Redis"),
            type="primary",
            icon=":material/play_arrow:",
            key="redis-start",
            on_click=state.assign,
            args=("redis_wanted", True),
        )
        return False
    _facts(server_facts(server))
    return True


def metrics_panel(ws: Workspace) -> None:
    """What was counted in a workspace; follows what happens while the page is open."""

    @st.fragment(run_every=_REFRESH_S)
    def live() -> None:
        with guarded():
            _counted(Metrics(connection(), key_of(ws)).snapshot())

    live()


def answers_panel(ws: Workspace) -> None:
    """The answers that are kept, how long each still is, and the button that forgets them."""
    server = connection()
    saved = sorted(entries(server, key_of(ws)), key=lambda entry: -entry.left_s)
    if not saved:
        st.caption(
            t(":material/bolt: No answer is kept: ask Redis RAG with its cache, here or with `python -m app ask`.")
        )
        return
    left, right = st.columns([5, 1], vertical_alignment="center")
    left.caption(
        t(
            "{answers}. An answer is forgotten when its time is over, and never used again once corpus, model or "
            "settings have changed.",
            answers=tn(len(saved), "{n:,} answer", "{n:,} answers"),
        )
    )
    right.button(
        t("Forget all"),
        icon=":material/delete:",
        key="redis-flush",
        width="stretch",
        on_click=_flush,
        args=(server, ws),
    )
    rows = [{"question": e.question, "answer": e.answer, "left": duration(e.left_s)} for e in saved[:_LISTED]]
    show_table(rows, "redis-answers", {"question": t("Question"), "answer": t("Answer"), "left": t("Kept for")})


def _facts(facts: ServerFacts) -> None:
    with st.container(horizontal=True, gap="large"):
        st.metric(t("Redis"), facts.version, width="content")
        st.metric(t("Search module"), facts.search or t("missing"), width="content")
        st.metric(t("Memory in use"), size(facts.memory), width="content")
        st.metric(t("Keys"), f"{facts.keys:,}", width="content")
        st.metric(t("Up for"), duration(facts.uptime_s), width="content")
    where = t(
        "{place}, port {port} · {persistence}",
        place=escape(t(facts.place)),
        port=facts.port,
        persistence=escape(t(facts.persistence)),
    )
    origin = "" if facts.embedded else t(" · from REDIS_URL")
    st.caption(f":material/dns: {where}{origin}")
    if facts.indexes:
        rows = [{"index": i.name, "entries": i.documents, "memory": size(i.bytes)} for i in facts.indexes]
        with st.expander(tn(len(rows), "{n:,} index", "{n:,} indexes"), icon=":material/view_list:"):
            columns = {"index": t("Index"), "entries": (t("Entries"), "localized"), "memory": t("Memory in use")}
            show_table(rows, "redis-indexes", columns)


def _counted(counted: Snapshot) -> None:
    if not counted.queries:
        st.caption(t(":material/monitoring: Nothing has been counted yet in this workspace: ask Redis RAG a question."))
        return
    with st.container(horizontal=True, gap="large"):
        st.metric(t("Questions"), f"{counted.queries:,}", width="content")
        st.metric(t("On average"), seconds(counted.average_ms), width="content")
        st.metric(t("Passages retrieved"), f"{counted.documents:,}", width="content")
        st.metric(
            t("From the cache"),
            f"{counted.hit_rate:.0%}",
            width="content",
            help=t("Of the questions that looked into the answer cache."),
        )
        st.metric(t("Time saved"), _saved(counted.saved_ms), width="content")
    chart(
        latency_figure(BUCKETS_MS, counted.histogram),
        key="redis-latency",
        alt=describe_latency(BUCKETS_MS, counted.histogram),
    )


def _saved(ms: float) -> str:
    return milliseconds(ms) if ms < 1000 else duration(ms / 1000)


def _flush(server: Connection, ws: Workspace) -> None:
    with guarded():
        flush(server, key_of(ws))
