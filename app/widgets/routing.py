"""A question put to the memory's own router: which documents it wakes, and how strongly."""

from __future__ import annotations

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import state
from app.asking import Choices
from app.opening import opener
from app.widgets.chart import chart
from app.widgets.frame import guarded
from app.widgets.text import escape
from app.words import t
from core.figures.memory import Weight, describe_routing, routing_figure
from core.memory.model import Memory
from core.methods.base import Answer
from core.methods.memory import LlmAsMemory
from core.workspace import Workspace

_SHOWN = 8
_NULL = "not in memory"


def route_panel(ws: Workspace) -> None:
    """A question, the weights of the documents it wakes, and the evidence from the first."""
    st.markdown(
        t(
            "The model itself finds the document: its hidden states of the question are compared with keys made from "
            "every z. No encoder, no index, no stored text. The grey bar is the null slot: how strongly it thinks that "
            "no document knows."
        )
    )
    question = st.text_input(
        t("Question"),
        key="route_question",
        placeholder=t("Ask something that the documents know"),
        persist_state="session",
    )
    if not question.strip():
        return
    models = state.models()
    with models.lock:
        memory = state.memory_of(ws)
        routing = memory.route(question, _SHOWN)
        layers = memory.similarities_by_layer(question)
    titles = dict(zip(memory.pool.ids, memory.pool.titles, strict=True))
    weights = [Weight(titles[d.passage_id] or d.passage_id, d.weight) for d in routing.documents]
    weights.append(Weight(t(_NULL), routing.null, null=True))
    if routing.knows:
        best = routing.documents[0]
        st.markdown(
            t(
                "It goes to **{document}**, with weight {weight:.1%}.",
                document=escape(titles[best.passage_id] or best.passage_id),
                weight=best.weight,
            )
        )
    else:
        st.markdown(t("It thinks that **no document knows** this: the null slot outweighs every one of them."))
    chart(routing_figure(weights), key="routing", alt=describe_routing(weights))
    rows = [memory.pool.row(document.passage_id) for document in routing.documents]
    st.dataframe(
        {
            "document": [weight.title for weight in weights],
            "weight": [weight.weight for weight in weights],
            **{f"layer {at}": [*(float(alike[row]) for row in rows), None] for at, alike in layers.items()},
        },
        hide_index=True,
        key="routing_table",
        column_config={
            "document": t("Document"),
            "weight": st.column_config.ProgressColumn(t("Weight"), format="percent", min_value=0, max_value=1),
            **{f"layer {at}": _layer_column(at) for at in layers},
        },
    )
    _evidence(memory, question, routing.documents[0].passage_id)


def _layer_column(at: int) -> ColumnConfig:
    """How well the question matches, to one layer of the model alone."""
    name = t("Layer {at}", at=at) if at else t("Embeddings")
    alone = t("Similarity from -1 to 1, if the router listened to this layer alone.")
    return st.column_config.NumberColumn(name, format="%.3f", help=alone)


def answer_routing(ws: Workspace, choices: Choices, answer: Answer) -> None:
    """Under an answer from memory: where the model looked, and on demand what a shuffled Z would have said.

    Draws nothing for the other arms.
    """
    if not answer.details.get("routing"):
        return
    titles, null = answer.details["titles"], float(answer.details["not_in_memory"])
    weights = [Weight(titles[i] or i, weight) for i, weight in answer.details["routing"].items()]
    named = t(" and ").join(f"**{escape(titles[i] or i)}**" for i in answer.details["read"])
    with st.expander(t("Where the model looked"), icon=":material/alt_route:"):
        own = answer.method == LlmAsMemory.name
        st.markdown(_looked(own, null > weights[0].weight, named))
        shown = [*weights, Weight(t(_NULL), null, null=True)]
        chart(
            routing_figure(shown),
            key=f"routing-{answer.method}",
            alt=describe_routing(shown),
        )
        if own:
            _control(ws, choices, answer)


def _looked(own: bool, doubt: bool, named: str) -> str:
    if own and doubt:
        return t("It read the z of {documents}, though it thinks that no document knows.", documents=named)
    if own:
        return t("It read the z of {documents}.", documents=named)
    if doubt:
        return t(
            "Another document's z was read in the place of {documents}, though it thinks that no document knows.",
            documents=named,
        )
    return t("Another document's z was read in the place of {documents}.", documents=named)


def _control(ws: Workspace, choices: Choices, answer: Answer) -> None:
    key = f"shuffled {ws.path} {ws.fingerprint('memory')} {answer.question} {choices.reader}"
    help_ = t("The same question and route, but every document has another's z. What is right here is not memory.")
    if st.button(t("What would a shuffled Z say?"), key="shuffled-z", icon=":material/shuffle:", help=help_):
        with guarded(), state.models().lock:
            arm = opener(ws, choices)("memory")
            if isinstance(arm, LlmAsMemory):
                st.session_state["shuffled_z"] = (key, *arm.shuffled(answer.question, answer.details["read"]))
    kept = st.session_state.get("shuffled_z")
    if kept and kept[0] == key:
        st.markdown(t("**Control: shuffled Z**"))
        with st.container(key="shuffled-evidence"):
            st.text(kept[1].text or t("(said nothing)"))
        with st.container(key="shuffled-answer"):
            st.text(t("Answer: {answer}", answer=kept[2] or t("(said nothing)")))


def _evidence(memory: Memory, question: str, passage_id: str) -> None:
    if st.button(t("Write the evidence from its z"), key="route-evidence", icon=":material/edit_note:"):
        with st.container(key="draft-route"):
            place = st.empty()
        said = ""
        with state.models().lock:
            for piece in memory.stream_evidence(question, passage_id):
                said += piece
                place.text(said)


def documents_of(ws: Workspace) -> int:
    """How many documents the memory of a workspace holds."""
    from core.memory.store import load_pool

    return len(load_pool(ws.require("memory")).ids)
