"""The single answers of a run: which questions to look at, and what every method made of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.figures.timing import MethodTiming, describe_timing, timing_figure
from app.i18n import labels, t, tn
from app.views.compare.columns import verdict_badge
from app.views.evaluate.results import Loaded
from app.views.shared.chart import chart
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.evaluation.scoring import is_right
from core.evaluation.verdict import Verdict, answer_of
from core.methods.base import Evidence
from core.units import seconds

ANY = "any"
_COLUMNS = 3
_RIGHT = {"em": "equals a gold answer", "coverage": "contains a gold answer"}


def show_answers(loaded: Loaded) -> None:
    """Filters, the questions that pass them, and one of them in full."""
    if not loaded.answers:
        st.info(t("This run has no answer yet."), icon=":material/hourglass_empty:")
        return
    left, middle, end = st.columns(3)
    options, label = [ANY, *loaded.answers], labels({ANY: ANY, **loaded.labels})
    right = left.selectbox(
        t("Right"), options, format_func=label, key="eval_right", help=t("Only what this method got right.")
    )
    wrong = middle.selectbox(
        t("Wrong"), options, format_func=label, key="eval_wrong", help=t("Only what it got wrong.")
    )
    rule = end.selectbox(t("Right means"), list(_RIGHT), format_func=labels(_RIGHT), key="eval_rule")
    ids = matching(loaded.answers, str(right), str(wrong), str(rule))
    questions = {i: row for rows in loaded.answers.values() for i, row in rows.items()}
    st.caption(t("{questions} of {total:,}.", questions=_count(len(ids)), total=len(questions)))
    if not ids:
        st.info(t("No question passes this filter."), icon=":material/filter_alt_off:")
        return
    _listed(loaded, ids, questions, str(rule))
    chosen = st.selectbox(t("Look at"), ids, format_func=lambda i: questions[i]["question"], key="eval_question")
    _in_full(loaded, str(chosen), questions[str(chosen)])


def matching(answers: Mapping[str, Mapping[str, Any]], right: str, wrong: str, rule: str) -> list[str]:
    """Questions that one method got right and another wrong.

    Args:
        answers: Scored answers by method and question.
        right: A method, or ``ANY`` for no condition.
        wrong: A method, or ``ANY`` for no condition.
        rule: The score that is 1 for a right answer; a question without an answer is got right by refusing it.
    """
    ids = list(dict.fromkeys(i for rows in answers.values() for i in rows))

    def holds(method: str, i: str, score: float) -> bool:
        return method == ANY or (i in answers[method] and float(is_right(answers[method][i], rule)) == score)

    return [i for i in ids if holds(right, i, 1.0) and holds(wrong, i, 0.0)]


def _listed(loaded: Loaded, ids: list[str], questions: Mapping[str, Any], rule: str) -> None:
    rows = []
    for i in ids:
        marks = {loaded.labels[method]: _mark(rows_of.get(i), rule) for method, rows_of in loaded.answers.items()}
        rows.append({"question": questions[i]["question"], "gold": " | ".join(questions[i]["golds"]), **marks})
    config: dict[str, Any] = {"question": st.column_config.TextColumn(t("Question"), pinned=True)}
    config["gold"] = t("Gold answer")
    show_table(rows, "eval-questions", config, height=240)


def _mark(row: Mapping[str, Any] | None, rule: str) -> str:
    if row is None:
        return ""
    return f"{'✓' if is_right(row, rule) else '✗'} {row['answer']}"


def _in_full(loaded: Loaded, i: str, question: Mapping[str, Any]) -> None:
    st.markdown(f"#### {escape(question['question'])}")
    st.caption(t("Gold: {answers}", answers=escape(" | ".join(question["golds"])) or t("none given")))
    rows = {method: answers[i] for method, answers in loaded.answers.items() if i in answers}
    names = list(rows)
    for start in range(0, len(names), _COLUMNS):
        for column, name in zip(st.columns(_COLUMNS), names[start : start + _COLUMNS], strict=False):
            with column.container(border=True, height="stretch", key=f"eval-method-{names.index(name)}"):
                _one(loaded.labels[name], rows[name])
    timings = [MethodTiming(loaded.labels[name], answer_of(row).trace) for name, row in rows.items()]
    chart(timing_figure(timings), key="eval-timing", alt=describe_timing(timings))


def _one(label: str, row: Mapping[str, Any]) -> None:
    st.markdown(f"**{escape(label)}**")
    st.text(row["answer"] or t("(said nothing)"))
    verdict_badge(Verdict(row["verdict"], row["why"]))
    trace = row["trace"]
    st.caption(
        t(
            "first token {first} · last {last} · {prefilled:,} prefilled · {cached} cached",
            first=seconds(trace["ttft_ms"]),
            last=seconds(trace["total_ms"]),
            prefilled=trace["prompt_tokens"],
            cached=t("not reported") if trace["cached_tokens"] is None else f"{trace['cached_tokens']:,}",
        )
    )
    if row["evidence"]:
        passages = tn(len(row["evidence"]), "{n:,} passage", "{n:,} passages")
        with st.expander(t("Evidence · {passages}", passages=passages), icon=":material/format_quote:"):
            for piece in row["evidence"]:
                gold = f" :green[:material/verified: {t('gold')}]" if piece["passage_id"] in row["passage_ids"] else ""
                cited = escape(Evidence.from_json(piece).cited)
                st.markdown(f"**{cited}** :gray[{piece['score']:.3f}]{gold}")
                st.text(piece["text"])


def _count(questions: int) -> str:
    return tn(questions, "{n:,} question", "{n:,} questions")
