"""The break-even of the caches: what building them took, what a question saves, and when that pays off."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from app import state
from app.words import duration, t, tn
from core.corpus.types import Question
from core.evaluation.payoff import Payoff, kept_payoff, measure_payoff
from core.figures.units import milliseconds, size
from core.jobs import Work
from core.kvcache.variants import Variant
from core.methods.resources import Resources
from core.settings import Settings
from core.turns import until_turn
from core.workspace import Manifest, Workspace

_QUESTIONS = 10


@dataclass(frozen=True)
class _VariantResources(Resources):
    """Resources that read caches kept in a given precision."""

    precision: str = "auto"

    @property
    def settings(self) -> Settings:
        """The settings of the models, with that precision."""
        return replace(self.models.settings, cache_precision=self.precision)


def payoff_panel(ws: Workspace, variant: Variant, busy: bool) -> None:
    """What was measured with these caches, or the button that measures."""
    st.subheader(t("Does it pay?"), anchor=False)
    if variant.manifest is None or variant.reason:
        st.caption(t("Once these caches are ready, what they save can be measured here."))
        return
    found = kept_payoff(ws, variant.manifest.fingerprint)
    if found:
        st.markdown(verdict(found, variant.manifest))
        _table(found)
        st.caption(
            t(
                ":material/memory: {model} · {device} · {dtype} · n = {n}, medians, both arms on every question, one "
                "right after the other, after a warm-up",
                model=found.model,
                device=found.device,
                dtype=found.dtype,
                n=found.questions,
            )
        )
    else:
        st.caption(
            t(
                "What the caches cost is above; what a question saves against RAG has to be measured: the same "
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
        if found
        else t("Measure with {questions}", questions=asked),
        key="payoff-measure",
        icon=":material/timer:",
        disabled=busy,
        on_click=_start,
        args=(ws, variant, questions),
        help=t("Asks RAG and CAG the same questions. Nothing else should run on this machine meanwhile."),
    )


def verdict(found: Payoff, manifest: Manifest) -> str:
    """When the build has paid for itself, in a few sentences."""
    account = found.account(manifest.build_s)
    built = t(
        "Prefilling took **{time}** and {size} of storage.",
        time=duration(manifest.build_s),
        size=size(float(manifest.params["bytes"])),
    )
    if account.questions is None:
        pays = t(
            "A question takes **{time} longer** than with RAG (median): at that rate the caches **never** pay off.",
            time=milliseconds(-account.saving_ms),
        )
    else:
        pays = t(
            "A question saves **{time}** against RAG (median): the caches pay off after **{questions}**.",
            time=milliseconds(account.saving_ms),
            questions=tn(account.questions, "{n:,} question", "{n:,} questions"),
        )
    return f"{built} {pays}"


def _table(found: Payoff) -> None:
    rows = [
        {
            "arm": t(label),
            "first": float(pd.Series(clocks.ttft_ms).median()),
            "last": float(pd.Series(clocks.total_ms).median()),
        }
        for label, clocks in (("Standard RAG", found.baseline), ("KV-cache CAG", found.arm))
    ]
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="payoff",
        column_config={
            "arm": t("Arm"),
            "first": number(t("First token (ms, median)"), format="%.0f"),
            "last": number(t("Last token (ms, median)"), format="%.0f"),
        },
    )


def _questions(ws: Workspace) -> list[Question]:
    splits = state.corpus_of(ws).questions
    held_out = [*splits.get("dev", ()), *splits.get("test", ())]
    stride = max(1, len(held_out) // _QUESTIONS)
    return held_out[::stride][:_QUESTIONS]


def _start(ws: Workspace, variant: Variant, questions: list[Question]) -> None:
    models = state.models()
    params = variant.manifest.params if variant.manifest else {}

    def measure(target: Workspace) -> Work:
        resources = _VariantResources(
            target, models, bool(params.get("reader")), precision=str(params.get("precision", "auto"))
        )
        with models.lock.ticket() as ticket:
            yield from until_turn(ticket, 0, len(questions))
            yield from measure_payoff(resources, questions)

    state.start_job(ws.name, "Measuring what a question saves", measure)
