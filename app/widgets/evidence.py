"""What an answer rests on: every passage that was read, and the sentence in it that holds the answer."""

from __future__ import annotations

from contextlib import nullcontext

import streamlit as st

from app.widgets.text import escape
from app.words import t, tn
from core.corpus.types import Question
from core.evaluation.support import find_support
from core.methods.base import Answer, Evidence

WRITES_EVIDENCE = ("memory", "shuffled-memory")
_WHY = "Marked: the sentence that holds the answer word for word and is nearest to the question."
_WHY_NOT = (
    "No sentence holds the answer word for word: it was put in other words, or it rests on nothing that was read."
)


def show_evidence(name: str, answer: Answer, gold: Question | None) -> None:
    """The passages an arm read, or what it wrote from Z, with the sentence that holds the answer marked."""
    support = find_support(answer.text, answer.question, [piece.text for piece in answer.evidence])
    count = len(answer.evidence)
    if support is None:
        where = t("the answer stands in none of it")
    elif count > 1:
        where = t("the answer stands in no. {n}", n=support.text_index + 1)
    else:
        where = t("the answer stands in it")
    if name in WRITES_EVIDENCE:
        label = t("Evidence · written from Z, {where}", where=where)
    else:
        label = tn(count, "Evidence · {n:,} passage, {where}", "Evidence · {n:,} passages, {where}", where=where)
    with st.expander(label, icon=":material/format_quote:"):
        st.caption(t(_WHY) if support else t(_WHY_NOT))
        for rank, piece in enumerate(answer.evidence):
            holds = (support.start, support.end) if support and support.text_index == rank else None
            _passage(f"{name}-{rank}", piece, gold, holds)


def _passage(key: str, piece: Evidence, gold: Question | None, holds: tuple[int, int] | None) -> None:
    is_gold = gold is not None and piece.passage_id in gold.passage_ids
    mark = f" :green[:material/verified: {t('gold')}]" if is_gold else ""
    st.markdown(f"**{escape(piece.title or piece.passage_id)}** :gray[{piece.score:.3f}]{mark}")
    start, end = holds or (0, 0)
    with st.container(key=f"passage-{key}", gap="xsmall"):
        for part, text in (("before", piece.text[:start]), ("holds", piece.text[start:end]), ("", piece.text[end:])):
            if text.strip():
                with st.container(key=f"support-{key}") if part == "holds" else nullcontext():
                    st.text(text.strip())
