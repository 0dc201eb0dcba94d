"""Start: what Tessera is, and what is ready on this machine."""

from __future__ import annotations

import streamlit as st

from app import state
from app.navigation import PAGES
from app.widgets.frame import header
from app.widgets.jobs import job_panel
from app.widgets.ready import build_sample, checklist, is_complete
from app.widgets.ways import drawing
from app.words import t
from core.figures.palette import arm
from core.methods import registry
from core.workspace import open_workspace

WAYS = ("rag", "cag", "memory")

header("start")
st.markdown(
    t(
        "A language model can know your documents in three ways: it **reads** them when asked, it **continues** from "
        "having read them, or it **remembers** them as a handful of learned vectors. "
        "Tessera puts all three to the same question, on a real model on this machine, and shows what each answers, "
        "what it answers from, and where every millisecond goes. "
        "*A tessera is a tile of a mosaic, and a token.*"
    )
)
for name, column in zip(WAYS, st.columns(3), strict=True):
    with column.container(border=True, height="stretch", key=f"arm-{name}"):
        st.markdown(f"### :material/{arm(name).icon}: {t(registry.METHODS[name].label)}")
        summary = t(registry.METHODS[name].summary)
        st.image(drawing(name), width="stretch", alt=summary)
        st.markdown(summary)

sample = open_workspace(state.SAMPLE, state.settings().workspaces)
ws = state.current_workspace()
st.subheader(t("Ready on this machine"), anchor=False)
busy = job_panel(ws)
if not busy and ws.name == state.SAMPLE and not is_complete(sample):
    first = sample.state("corpus").status == "missing"
    st.markdown(
        t(
            "The sample is a small invented world, so no model can know it beforehand: passages on several topics, "
            "with questions and their answers. Building it takes a minute or two on a laptop."
        )
    )
    build_sample(t("Build the sample") if first else t("Finish the sample"))
checklist(ws)
can_ask = ws.state("index").status == "ready" and not busy
with st.container(horizontal=True):
    if can_ask and st.button(t("Ask a question"), type="primary", icon=":material/compare:", key="go-compare"):
        st.switch_page(PAGES["compare"].path)
    if st.button(t("Bring your own documents"), icon=":material/upload_file:", key="go-bring"):
        st.session_state["corpus_view"] = "Bring documents"  # the view of the Corpus page that takes them
        st.switch_page(PAGES["corpus"].path)
