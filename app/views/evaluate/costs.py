"""What the methods of a run cost, and which hop they miss: the smaller tables of the Evaluate page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from app.i18n import duration, t
from app.views.shared.pays import pay_lines
from app.views.shared.table import show_table
from core.methods.registry import METHODS
from core.units import milliseconds, size

_MISSED = {"only_first": "Only first", "only_second": "Only second", "neither": "Neither"}


def interval_text(interval: Mapping[str, float] | None) -> str:
    """A mean with its interval, or nothing."""
    return t("{mean:.2f} ({lo:.2f} to {hi:.2f})", **interval) if interval else ""


def show_costs(summary: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    """Clocks, tokens, build and storage of every method, and when the main ones have earned their build back."""
    st.subheader(t("Costs"), anchor=False)
    rows = []
    for name, facts in summary["efficiency"].items():
        scores, account = summary["methods"][name], facts.get("break_even")
        if METHODS[name].role == "control":
            account = None  # what nobody would use to get answers earns nothing back
        pays = "" if account is None else t("never") if account["questions"] is None else f"{account['questions']:,}"
        rows.append(
            {
                "Method": labels[name],
                "First token (p90)": _clock(scores["ttft_ms"]),
                "Last token (p90)": _clock(scores["total_ms"]),
                "Tokens/s": f"{facts['tokens_per_s']['median']:.1f}" if facts["tokens_per_s"] else "",
                "Read + cached": f"{scores['prompt_tokens']['median']:,.0f} + "
                + (f"{scores['cached_tokens']['median']:,.0f}" if "cached_tokens" in scores else t("not reported")),
                "Build": duration(facts["build_s"]),
                "1,000 docs": size(facts["bytes_per_1000_documents"]),
                "Pays off": pays,
            }
        )
    show_table(rows, "eval-costs", _columns(rows[0]), height="content")
    for sentence in pay_lines(summary):
        st.markdown(f":material/balance: {sentence}")
    st.caption(
        t(
            "Times are medians, with the 90th percentile. Read + cached: tokens that are prefilled, and those whose "
            "keys and values were stored. Storage for 1,000 documents is what a method reads when it answers, text "
            "included where it reads text; what all documents share counts once. Pays off: questions until the build "
            "has earned back what RAG's does not cost."
        )
    )


def _columns(names: Iterable[str]) -> dict[str, Any]:
    return {name: st.column_config.Column(t(name), pinned=name == "Method") for name in names}


def _clock(times: Mapping[str, float]) -> str:
    return f"{milliseconds(times['median'])} ({milliseconds(times['p90'])})"


def show_hops(hops: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    """Which hop each method missed; nothing where no question has two gold passages."""
    if not hops:
        return
    st.subheader(t("Which hop is missed"), anchor=False)
    rows = [
        {
            "Method": labels[name],
            "Questions": t(kind),
            "n": group["n"],
            "First hop found": interval_text(group["hops"][0]),
            "Second hop found": interval_text(group["hops"][1]),
            **{title: f"{group[part]:.0%}" if part in group else "" for part, title in _MISSED.items()},
        }
        for name, groups in hops.items()
        for kind, group in groups.items()
    ]
    show_table(rows, "eval-hops", _columns(rows[0]), height="content")
