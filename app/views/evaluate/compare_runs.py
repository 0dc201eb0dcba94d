"""Two saved runs side by side, paired by question: what changed between them, and whether it is more than chance."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.i18n import t
from app.views.evaluate.results import Loaded, choose_run, load
from app.views.shared.table import show_table
from core.evaluation.scoring import LABELS
from core.evaluation.summary import CLOCKS, differences
from core.workspace import Workspace

_CLOCKS = {"ttft_ms": "first token", "total_ms": "last token"}


def show_versus(ws: Workspace, loaded: Loaded) -> None:
    """Another run to compare with, a method of each, and their paired differences."""
    folder = choose_run(ws, "eval_other", t("Compare with"), without=loaded.folder.name)
    if folder is None:
        st.info(t("There is no second run in this workspace to compare with."), icon=":material/compare_arrows:")
        return
    other = load(folder)
    if not loaded.answers or not other.answers:
        st.info(t("One of the two runs has no answer yet."), icon=":material/hourglass_empty:")
        return
    rows = paired_rows(loaded, other)
    if not rows:
        st.info(t("The two runs share no method and question."), icon=":material/join_inner:")
        return
    show_table(
        rows,
        "eval-versus",
        {
            "method": t("Method"),
            "score": t("Score"),
            "mean": t("First run minus second"),
            "lo": t("from"),
            "hi": t("to"),
            "n": t("Questions both asked"),
            "sure": st.column_config.TextColumn(t("More than chance"), help=t("The 95 % interval does not hold 0.")),
        },
    )
    st.caption(t("Paired by question: only questions that both runs asked count. 95 % intervals by the bootstrap."))
    if not same_conditions(loaded, other):
        st.caption(t("The runs used different models or machines: their times are not compared."))


def paired_rows(loaded: Loaded, other: Loaded) -> list[dict[str, Any]]:
    """One row for every method and score that two runs share, the first run minus the second."""
    seed = int(loaded.run["questions"]["seed"])
    return [
        {
            "method": loaded.labels[method],
            "score": t(LABELS.get(name) or _CLOCKS[name]),
            **{part: _signed(interval[part], name) for part in ("mean", "lo", "hi")},
            "n": interval["n"],
            "sure": t("yes") if interval["lo"] > 0 or interval["hi"] < 0 else t("no"),
        }
        for method, answers in loaded.answers.items()
        if method in other.answers
        for name, interval in differences(answers, other.answers[method], seed).items()
        if name not in CLOCKS or same_conditions(loaded, other)
    ]


def same_conditions(loaded: Loaded, other: Loaded) -> bool:
    """Whether the times of two runs may be set against each other: the same model on the same device."""
    ours, theirs = ((run["model"], run["machine"]["device"]) for run in (loaded.run, other.run))
    return ours == theirs


def _signed(value: float, name: str) -> str:
    return f"{value:+,.0f} ms" if name in CLOCKS else f"{value:+.3f}"
