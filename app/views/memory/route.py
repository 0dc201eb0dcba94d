"""A question put to the memory's own router: which documents it wakes, and how strongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import state
from app.figures.memory import Weight, describe_routing, routing_figure
from app.i18n import t
from app.open_methods import opener
from app.views.shared.chart import chart
from app.views.shared.examples import examples
from app.views.shared.frame import guarded
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.memory.model import Memory
from core.memory.router import Routing
from core.memory.store import load_pool
from core.memory.z_reader import ZReader
from core.methods.base import Answer
from core.methods.comparison import Choices
from core.methods.memory import LlmAsMemory
from core.workspace import Workspace

_SHOWN = 8
_NULL = "not in memory"


def route_panel(ws: Workspace) -> None:
    """A question, the weights of the documents it wakes, and the evidence from the first."""
    st.markdown(
        t(
            "The model itself finds the document: its hidden states of the question are compared with keys made from "
            "every z, and the question's words with those that z spells. No encoder, no stored text. The grey bar is "
            "the null slot: how sure it is that no document holds the answer."
        )
    )
    question = st.text_input(
        t("Question"),
        key="route_question",
        placeholder=t("Ask something that the documents can answer"),
        persist_state="session",
    )
    examples(ws, state.corpus_of(ws), "route_question")
    if not question.strip():
        return
    models = state.models()
    with models.lock:
        memory = state.memory_of(ws)
        routing = memory.route(question, _SHOWN)
    show_routing(memory, routing, "routing")
    first = routing.documents[0].passage_id
    with st.expander(t("What its z says, read out as words"), icon=":material/translate:"):
        st.caption(t("Of each vector the nearest token of the vocabulary, in their order."))
        with models.lock, st.container(key="draft-spelled"):
            st.text(memory.prompt.decode(memory.nearest_tokens(first)[0]))
    _evidence(memory, question, first)


def show_routing(memory: Memory, routing: Routing, key: str) -> None:
    """Where a question goes, and how strongly it wakes each document and the null slot."""
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
        st.markdown(t("It finds that **no document holds the answer**: the null slot outweighs every one of them."))
    chart(routing_figure(weights), key=key, alt=describe_routing(weights))
    with st.expander(t("As a table"), icon=":material/table:"):
        show_table(
            {"document": [weight.title for weight in weights], "weight": [weight.weight for weight in weights]},
            f"{key}_table",
            {
                "document": t("Document"),
                "weight": st.column_config.ProgressColumn(t("Weight"), format="percent", min_value=0, max_value=1),
            },
        )


def answer_routing(ws: Workspace, choices: Choices, answer: Answer) -> None:
    """Under an answer from memory: where the model looked, and on demand what a shuffled Z would have said.

    Draws nothing for other methods.
    """
    if not answer.details.get("routing"):
        return
    titles, null = answer.details["titles"], float(answer.details["null_weight"])
    weights = [Weight(titles[i] or i, weight) for i, weight in answer.details["routing"].items()]
    *before, last = answer.details["readings"]
    with st.expander(t("Where the model looked"), icon=":material/alt_route:"):
        own_route = answer.method == LlmAsMemory.name
        st.markdown(_looked(own_route, titles, last))
        if null > weights[0].weight:
            st.markdown(t("It finds that no document holds the answer."))
        if before:
            declined = " · ".join(_declined(titles, reading) for reading in before)
            st.markdown(t("Also read, and declined: {documents}.", documents=declined))
        shown = [*weights, Weight(t(_NULL), null, null=True)]
        chart(routing_figure(shown), key=f"routing-{answer.method}", alt=describe_routing(shown))
        if own_route:
            _control(ws, choices, answer)


def _named(titles: Mapping[str, str], ids: Sequence[str]) -> str:
    return t(" and ").join(f"**{escape(titles.get(i) or i)}**" for i in ids)


def _declined(titles: Mapping[str, str], reading: Mapping[str, Any]) -> str:
    named = _named(titles, reading["passage_ids"])
    return named if reading["whole"] else t("{documents}, in part", documents=named)


def _looked(own_route: bool, titles: Mapping[str, str], reading: Mapping[str, Any]) -> str:
    named = _named(titles, reading["passage_ids"])
    if not own_route:
        return t("Another document's z was read in the place of {documents}.", documents=named)
    if reading["whole"]:
        return t("It read the z of {documents}.", documents=named)
    return t(
        "It read the z of {documents} in part: {n} vectors, those of the title and of the sentences nearest to the "
        "question.",
        documents=named,
        n=reading["vectors"],
    )


def _control(ws: Workspace, choices: Choices, answer: Answer) -> None:
    key = f"shuffled {ws.path} {ws.fingerprint('memory')} {answer.question} {choices.reader}"
    help_ = t("The same question and route, but every document has another's z. What is right here is not memory.")
    if st.button(t("What would a shuffled Z say?"), key="shuffled-z", icon=":material/shuffle:", help=help_):
        with guarded(), state.models().lock:
            method = opener(ws, choices)("memory")
            if isinstance(method, LlmAsMemory):
                st.session_state["shuffled_z"] = (key, *method.shuffled(answer.question, answer.details["read"]))
    shown = st.session_state.get("shuffled_z")
    if shown and shown[0] == key:
        st.markdown(t("**Control: shuffled Z**"))
        with st.container(key="shuffled-evidence"):
            st.text(shown[1].text or t("(said nothing)"))
        with st.container(key="shuffled-answer"):
            st.text(t("Answer: {answer}", answer=shown[2] or t("(said nothing)")))


def _evidence(memory: Memory, question: str, passage_id: str) -> None:
    if st.button(t("Write the evidence from its z"), key="route-evidence", icon=":material/edit_note:"):
        with st.container(key="draft-route"):
            output = st.empty()
        evidence = ""
        with state.models().lock:
            for piece in ZReader(memory).stream(question, [passage_id]):
                evidence += piece
                output.text(evidence)


def documents_of(ws: Workspace) -> int:
    """How many documents the memory of a workspace holds."""
    return len(load_pool(ws.require("memory")).ids)
