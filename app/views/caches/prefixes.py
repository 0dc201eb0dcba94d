"""Where the language model runs on a server, caches are prefixes that it keeps: what it was given to read, and when."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import duration, t
from app.views.shared.text import escape
from core import pipeline
from core.models.server import Server
from core.workspace import Workspace


def prefix_panel(ws: Workspace, busy: bool) -> None:
    """What the server has read of the cells, and the button that has it read them."""
    settings = state.settings()
    server = Server.of(settings)
    st.markdown(
        t(
            "The language model runs on **{server}**, which takes no keys and values. CAG sends the text of the "
            "nearest cell as the same beginning of every prompt, and the server continues from what it kept of it. "
            "How long it keeps that is its own business; every answer says how many tokens were reused.",
            server=escape(server.name),
        )
    )
    prefixes = ws.state("prefixes")
    if prefixes.manifest:
        params = prefixes.manifest.params
        reused = params["reused"]
        st.caption(
            t(
                "{server} read {cells:,} cells in {time}: {tokens:,} tokens prefilled, reused of earlier prompts: "
                "{reused}.",
                server=escape(params["server"]),
                cells=params["cells"],
                time=duration(prefixes.manifest.build_s),
                tokens=params["tokens"],
                reused=t("not reported") if reused is None else f"{reused:,}",
            )
        )
    st.button(
        t("Have it read all cells"),
        icon=":material/local_fire_department:",
        type="primary",
        key="warm",
        disabled=busy,
        on_click=state.start_job,
        args=(ws.name, "Warming prefixes on the server", pipeline.warm),
    )
