"""Why answers of a run are wrong: a bar for each method, cut by verdict, and the questions behind a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.figures.verdicts import describe_verdicts, verdicts_figure
from app.i18n import t, tn
from app.views.shared.chart import STATIC, selectable
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.evaluation.verdict import VERDICTS, verdict_counts


def show_failures(answers: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str]) -> None:
    """The bars, and the questions of the part that was clicked."""
    st.subheader(t("Why answers are wrong"), anchor=False)
    counts = {method: verdict_counts(rows.values()) for method, rows in answers.items()}
    words = describe_verdicts(counts, labels)
    picked = selectable(verdicts_figure(counts, labels), key="eval-verdicts", alt=words, config=STATIC)
    fell = [kind for kind in VERDICTS if any(kind in parts for parts in counts.values())]
    meanings = (f"**{VERDICTS[kind].symbol} {t(VERDICTS[kind].label)}**: {t(VERDICTS[kind].meaning)}" for kind in fell)
    st.caption(f"{t('Click a part to see its questions.')} {' '.join(meanings)}")
    for method, kind in dict.fromkeys(tuple(point["customdata"]) for point in picked if point.get("customdata")):
        rows = [row for row in answers[method].values() if row["verdict"] == kind]
        label = t(VERDICTS[kind].label)
        counted = tn(len(rows), "{n:,} question", "{n:,} questions")
        st.markdown(f"**{escape(labels[method])}: {label}** :gray[{counted}]")
        show_table(
            {
                "question": [row["question"] for row in rows],
                "gold": [" | ".join(row["golds"]) for row in rows],
                "answer": [row["answer"] for row in rows],
                "why": [t(row["why"]) for row in rows],
            },
            f"eval-failed-{method}-{kind}",
            {
                "question": st.column_config.TextColumn(t("Question"), pinned=True),
                "gold": t("Gold answer"),
                "answer": t("Answer"),
                "why": t("Why"),
            },
        )
