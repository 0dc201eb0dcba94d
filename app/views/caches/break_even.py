"""The break-even of the blocks: what building them took, what a question saves, and when that pays off."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from app import state
from app.i18n import duration, t, tn
from app.views.shared.shipped import shipped, shipped_line
from app.views.shared.table import show_table
from core.corpus.sample import is_sample
from core.corpus.types import Question
from core.cost import build_seconds
from core.kvcache.variants import Variant
from core.labs.benchmarks.payoff import Payoff, measure_payoff, saved_payoff
from core.manifest import Manifest
from core.units import milliseconds, size
from core.workspace import Workspace

_QUESTIONS = 10


def payoff_panel(ws: Workspace, variant: Variant, busy: bool) -> None:
    """What was measured with these caches, or the button that measures."""
    st.subheader(t("Does it pay?"), anchor=False)
    if variant.manifest is None or variant.reason:
        st.caption(t("Once these blocks are ready, what they save can be measured here."))
        return
    payoff = saved_payoff(ws, variant.manifest.fingerprint)
    if payoff:
        st.markdown(verdict(payoff, ws, variant.manifest))
        _table(payoff)
        st.caption(
            t(
                ":material/memory: {model} · {device} · {dtype} · n = {n}, medians, both methods on every question, "
                "one right after the other, after a warm-up",
                model=payoff.model,
                device=payoff.device,
                dtype=payoff.dtype,
                n=payoff.questions,
            )
        )
    elif is_sample(state.corpus_of(ws)):
        _shipped()
    else:
        st.caption(
            t(
                "What the blocks cost is above; what a question saves against RAG has to be measured: the same "
                'questions are asked of both, in turn. "Never" is a possible answer.'
            )
        )
    questions = _questions(ws)
    if not questions:
        st.caption(
            t("The corpus has no questions of its own to measure with: `python -m app query` shows single ones.")
        )
        return
    asked = tn(len(questions), "{n:,} question", "{n:,} questions")
    st.button(
        t("Measure with {questions} again", questions=asked)
        if payoff
        else t("Measure with {questions}", questions=asked),
        key="payoff-measure",
        icon=":material/timer:",
        disabled=busy,
        on_click=_start,
        args=(ws, variant, questions),
        help=t("Asks RAG and CAG the same questions. Nothing else should run on this machine meanwhile."),
    )


def verdict(payoff: Payoff, ws: Workspace, manifest: Manifest) -> str:
    """When the build has paid for itself, in a few sentences."""
    account = payoff.break_even(ws, state.settings().store, manifest.inputs)
    built = t(
        "Prefilling took **{time}** and {size} of storage; with the cells, CAG takes {more} more to build than RAG.",
        time=duration(build_seconds(manifest)),
        more=duration(max(0.0, account.build_s)),
        size=size(float(manifest.params["bytes"])),
    )
    return f"{built} {_pays(account.saving_ms, account.questions)}"


def _pays(saving_ms: float, questions: int | None) -> str:
    if questions is None:
        return t(
            "A question takes **{time} longer** than with RAG (median): at that rate the blocks **never** pay off.",
            time=milliseconds(-saving_ms),
        )
    return t(
        "A question saves **{time}** against RAG (median): the blocks pay off after **{questions}**.",
        time=milliseconds(saving_ms),
        questions=tn(questions, "{n:,} question", "{n:,} questions"),
    )


def _shipped() -> None:
    """The account of the run that ships, where nothing was measured here."""
    run = shipped("sample-test")
    found = run["efficiency"]["cag"]["break_even"]
    built = t("CAG took **{more}** more to build than RAG.", more=duration(found["build_s"]))
    st.markdown(f"{built} {_pays(found['saving_ms'], found['questions'])}")
    asked = tn(run["questions"], "{n:,} question", "{n:,} questions")
    shipped_line((asked, run["created"][:10], run["machine"]["processor"], run["model"]["dtype"]))


def _table(payoff: Payoff) -> None:
    rows = [
        {
            "method": t(label),
            "first": float(pd.Series(clocks.ttft_ms).median()),
            "last": float(pd.Series(clocks.total_ms).median()),
        }
        for label, clocks in (("Standard RAG", payoff.rag), ("KV-cache CAG", payoff.cag))
    ]
    show_table(
        rows,
        "payoff",
        {
            "method": t("Method"),
            "first": (t("First token (ms, median)"), "%.0f"),
            "last": (t("Last token (ms, median)"), "%.0f"),
        },
    )


def _questions(ws: Workspace) -> list[Question]:
    splits = state.corpus_of(ws).questions
    held_out = [*splits.get("dev", ()), *splits.get("test", ())]
    stride = max(1, len(held_out) // _QUESTIONS)
    return held_out[::stride][:_QUESTIONS]


def _start(ws: Workspace, variant: Variant, questions: list[Question]) -> None:
    params = variant.manifest.params if variant.manifest else {}
    settings = replace(
        state.settings(), reader=bool(params.get("reader")), cache_precision=str(params.get("precision", "auto"))
    )

    label = "Measuring what a question saves"
    state.start_timed_job(ws.name, label, measure_payoff, settings=settings, questions=questions)
