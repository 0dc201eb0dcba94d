"""Two saved runs side by side, paired by question: what changed between them, and whether it is more than chance."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.widgets.results import Loaded, choose_run, load
from core.evaluation.scoring import LABELS
from core.evaluation.summary import CLOCKS, differences
from core.workspace import Workspace

_CLOCKS = {"ttft_ms": "first token (ms)", "total_ms": "last token (ms)"}


def show_versus(ws: Workspace, found: Loaded) -> None:
    """Another run to compare with, an arm of each, and their paired differences."""
    folder = choose_run(ws, "eval_other", "Compare with", without=found.folder.name)
    if folder is None:
        st.info("There is no second run in this workspace to compare with.", icon=":material/compare_arrows:")
        return
    other = load(folder)
    if not found.answers or not other.answers:
        st.info("One of the two runs has no answer yet.", icon=":material/hourglass_empty:")
        return
    rows = []
    for arm, answers in found.answers.items():
        if arm in other.answers:
            changed = differences(answers, other.answers[arm], int(found.run["questions"]["seed"]))
            for name, interval in changed.items():
                label = LABELS.get(name) or _CLOCKS[name]
                digits = 0 if name in CLOCKS else 3
                numbers = {part: round(interval[part], digits) for part in ("mean", "lo", "hi")}
                sure = "yes" if interval["lo"] > 0 or interval["hi"] < 0 else "no"
                rows.append({"arm": found.labels[arm], "score": label, **numbers, "n": interval["n"], "sure": sure})
    if not rows:
        st.info("The two runs share no arm and question.", icon=":material/join_inner:")
        return
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="eval-versus",
        column_config={
            "arm": "Arm",
            "score": "Score",
            "mean": st.column_config.NumberColumn("First run minus second", format="%.3f"),
            "lo": st.column_config.NumberColumn("from", format="%.3f"),
            "hi": st.column_config.NumberColumn("to", format="%.3f"),
            "n": "Questions both asked",
            "sure": st.column_config.TextColumn("More than chance", help="The 95 % interval does not hold 0."),
        },
    )
    st.caption("Paired by question: only questions that both runs asked count. 95 % intervals by the bootstrap.")
