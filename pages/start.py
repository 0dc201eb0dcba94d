"""Start: what Tessera is, and what is ready on this machine."""

from __future__ import annotations

import streamlit as st

from app import state
from app.figures.palette import method_style
from app.i18n import t, tn
from app.navigation import PAGES
from app.views.shared.begin import bring_documents, build_sample
from app.views.shared.frame import header, link_to
from app.views.shared.jobs import job_panel
from app.views.shared.pays import pay_lines
from app.views.shared.shipped import shipped, shipped_line
from app.views.start.checklist import checklist, is_complete
from app.views.start.drawings import drawing
from app.views.start.encoder import encoder_picker
from app.views.start.model import model_picker
from core.methods import registry
from core.units import milliseconds, size
from core.workspace import open_workspace

header("start")
st.markdown(
    t(
        "A language model can know your documents in three ways: it **reads** them when asked, it **continues** from "
        "having read them, or it **remembers** them as small vectors. "
        "Tessera puts all three to the same question, on a real model, and shows what each answers, "
        "what it answers from, and where every millisecond goes. "
        "*A tessera is a tile of a mosaic, and a token.*"
    )
)
measured = shipped("sample-test")
for name, column in zip(registry.main_methods(), st.columns(3), strict=True):
    with column.container(border=True, height="stretch", key=f"method-{name}"):
        st.markdown(f"### :material/{method_style(name).icon}: {t(registry.METHODS[name].label)}")
        summary = t(registry.METHODS[name].summary)
        st.image(drawing(name), width="stretch", alt=summary)
        st.markdown(summary)
        scores = measured["methods"][name]
        st.markdown(
            t(
                "**{right:.0%}** right · first token **{first}** · **{size}** for 1,000 documents",
                right=scores["em"]["mean"],
                first=milliseconds(scores["ttft_ms"]["median"]),
                size=size(measured["efficiency"][name]["bytes_per_1000_documents"]),
            )
        )
questions = tn(measured["questions"], "{n:,} test question of the sample", "{n:,} test questions of the sample")
shipped_line((questions, measured["created"][:10], measured["machine"]["processor"], measured["model"]["name"]))

sample = open_workspace(state.SAMPLE, state.settings().workspaces)
ws = state.current_workspace()
busy = job_panel(ws)
unbuilt = not busy and ws.name == state.SAMPLE and not is_complete(sample)
if unbuilt:
    st.markdown(
        t(
            "The sample is a small invented world, so no model can know it beforehand: passages on several topics, "
            "with questions and their answers. Building it takes a minute or two on a laptop."
        )
    )
with st.container(horizontal=True):
    can_ask = ws.state("index").status == "ready" and not busy
    if can_ask and st.button(t("Ask a question"), type="primary", icon=":material/compare:", key="go-compare"):
        st.switch_page(PAGES["compare"].path)
    if unbuilt:
        first = sample.state("corpus").status == "missing"
        build_sample(t("Build the sample") if first else t("Finish the sample"))
    bring_documents()
st.subheader(t("When each pays off"), anchor=False)
for sentence in pay_lines(measured):
    st.markdown(f":material/balance: {sentence}")
link_to("plan", t("Calculate it for your documents"))
st.subheader(t("Ready on this machine"), anchor=False)
checklist(ws)
model_picker(ws)
encoder_picker(ws, busy)
