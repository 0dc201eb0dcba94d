"""What each choice in the memory is worth, where it has been tried."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.widgets.chart import chart
from app.words import t, tn
from core.evaluation.ablation import finished
from core.figures.ablation import Tried, ablation_figure, describe_ablation
from core.workspace import Workspace


def ablation_panel(ws: Workspace) -> None:
    """The variants that were trained here, side by side; without any, the command that trains them."""
    st.markdown(t("**What each choice is worth**"))
    rows = finished(ws)
    if not rows:
        st.caption(
            t(
                "Nothing has been tried in this workspace. `python -m app ablate --minutes 60` trains small variants "
                "of the memory equally long and measures them side by side."
            )
        )
        return
    tried = [Tried(row["variant"], row["rouge_l"], row["shuffled"]["rouge_l"]) for row in rows]
    chart(ablation_figure(tried), key="ablation", alt=describe_ablation(tried))
    st.caption(
        t(
            "{steps} each, {questions}. The distance between the two marks is what a variant remembers.",
            steps=tn(rows[0]["steps"], "{n:,} step", "{n:,} steps"),
            questions=tn(rows[0]["n_questions"], "{n:,} dev question", "{n:,} dev questions"),
        )
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "variant": row["variant"],
                    "recall": row["recall_at_1"],
                    "right": row["rouge_l"],
                    "shuffled": row["shuffled"]["rouge_l"],
                    "em": row["em"],
                    "evidence": row["evidence_ms"],
                    "bytes": row["bytes_per_1000_documents"] / 1e6,
                }
                for row in rows
            ]
        ),
        hide_index=True,
        key="ablation_table",
        column_config={
            "variant": t("Variant"),
            "recall": number("Recall@1", format="%.3f"),
            "right": number(t("ROUGE-L, right z"), format="%.3f"),
            "shuffled": number(t("ROUGE-L, shuffled"), format="%.3f"),
            "em": number("EM", format="%.3f"),
            "evidence": number(t("Evidence (ms)"), format="%.0f"),
            "bytes": number(t("MB per 1,000 documents"), format="%.0f"),
        },
    )
