"""A new evaluation: which questions, which methods, how many; and what it finds while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import streamlit as st

from app import state
from app.i18n import labels, t, tn
from app.navigation import page_for
from app.views.compare.columns import heading
from app.views.shared.begin import write_questions
from app.views.shared.frame import guarded, lacking_for, link_to, to_do
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.corpus.types import Corpus
from core.evaluation import harness
from core.evaluation.questions import QuestionSet, from_file, from_split
from core.evaluation.runs import plan_run
from core.evaluation.variants import PLAIN, MethodVariant, parse_variants
from core.messages import message
from core.methods import registry
from core.models.variant import reader_for
from core.workspace import Workspace

UPLOAD = "a file"
_DEFAULT_N = 50


def new_run(ws: Workspace, corpus: Corpus, busy: bool) -> None:
    """The form of a new run."""
    with st.container(border=True, key="new-run"):
        data, number = st.columns([3, 1])
        with data:
            question_set = _questions(corpus)
        if question_set is None:
            if not any(corpus.questions.values()):
                write_questions()
            return
        with number:
            n = st.number_input(
                t("How many"),
                1,
                len(question_set.questions),
                min(_DEFAULT_N, len(question_set.questions)),
                key="eval_n",
                help=t("Drawn by the seed of the settings; a smaller draw is part of a larger one."),
            )
        names = _methods(ws, question_set)
        st.button(
            t("Ask {questions} of {methods}", questions=_count(int(n)), methods=_count_methods(len(names))),
            type="primary",
            icon=":material/play_arrow:",
            key="eval-start",
            disabled=busy or not names,
            on_click=start,
            args=(ws, question_set, parse_variants(names) if names else (), int(n)),
        )
        st.caption(
            t(
                "One method after another, each opened and warmed before the first clock starts. Cancel whenever you "
                "like: what was answered is kept, and the same choice goes on from there."
            )
        )


def start(ws: Workspace, question_set: QuestionSet, methods: Sequence[MethodVariant], n: int) -> None:
    """Starts a run in the background."""
    label = message(
        "Asking {questions} of {methods}",
        questions=message("{n:,} question" if n == 1 else "{n:,} questions", n=n),
        methods=message("{n:,} method" if len(methods) == 1 else "{n:,} methods", n=len(methods)),
    )
    plan = plan_run(methods, question_set, n, state.settings().seed)
    state.start_timed_job(ws.name, label, harness.evaluate, plan=plan)


def live(history: Sequence[Mapping[str, Any]]) -> None:
    """Scores so far, method by method."""
    rows = partial(history)
    if rows:
        show_table(rows, "eval-live", _live_columns())


def partial(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per method from what a job has reported since it was started."""
    answered: dict[str, list[Mapping[str, Any]]] = {}
    for step in history:
        if "method" in step:
            answered.setdefault(step["method"], []).append(step)
    return [
        {
            "method": name,
            "n": len(steps),
            "EM": _mean(steps, "em"),
            "F1": _mean(steps, "f1"),
            "ms": median(step["total_ms"] for step in steps),
        }
        for name, steps in answered.items()
    ]


def _mean(steps: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Over the questions that have an answer; None before the first of them."""
    values = [step[name] for step in steps if name in step]
    return sum(values) / len(values) if values else None


def _live_columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "method": t("Method"),
        "n": number(t("Answered since the start")),
        "EM": number(t("EM so far"), format="%.2f"),
        "F1": number(t("F1 so far"), format="%.2f"),
        "ms": number(t("Median (ms)"), format="%.0f"),
    }


def _count(questions: int) -> str:
    return tn(questions, "{n:,} question", "{n:,} questions")


def _count_methods(methods: int) -> str:
    return tn(methods, "{n:,} method", "{n:,} methods")


def _questions(corpus: Corpus) -> QuestionSet | None:
    splits = {split: len(group) for split, group in corpus.questions.items() if group}
    options = [*(split for split in ("test", "dev", "train") if split in splits), *_others(splits), UPLOAD]
    names = {split: f"{split} · {count:,}" for split, count in splits.items()}
    names[UPLOAD] = ":material/upload_file: a file"
    source = st.segmented_control(
        t("Questions"),
        options,
        default=options[0],
        required=True,
        format_func=labels(names),
        key="eval_source",
        help=t("The memory and the reader may have been trained on train questions: measure on dev or test."),
    )
    if source != UPLOAD:
        return from_split(corpus, str(source))
    file = st.file_uploader(
        t("Questions file"),
        type=["jsonl"],
        key="eval_upload",
        help=t("One JSON object a line: id, question, answers, passage_id or passage_ids, optional evidence and type."),
    )
    if file is None:
        st.caption(t("A file is checked line by line before anything is asked."))
        return None
    with guarded():
        question_set = from_file(file.name, file.getvalue(), corpus)
        ready = t("{questions} can be asked.", questions=_count(len(question_set.questions)))
        note = (
            t("{n:,} more are about passages outside this corpus.", n=question_set.outside)
            if question_set.outside
            else ""
        )
        st.caption(f":material/check_circle: {ready} {note}".rstrip())
        return question_set
    return None


def _others(splits: Mapping[str, int]) -> list[str]:
    return [split for split in splits if split not in ("test", "dev", "train")]


def _methods(ws: Workspace, question_set: QuestionSet) -> list[str]:
    lacking = {name: lacking_for(ws, name) for name in registry.offered_methods(state.settings())}
    gold = any(question.passage_ids for question in question_set.questions)
    ready = [n for n, missing in lacking.items() if not missing and (gold or not registry.METHODS[n].asks_gold)]
    chosen = st.pills(
        t("Methods"),
        ready,
        selection_mode="multi",
        default=[name for name in ready if name in registry.evaluated_methods(state.settings())],
        format_func=heading,
        key="eval_methods",
        help=t("The controls (oracle, wrong cell, shuffled memory) show what an answer owes to the right evidence."),
    )
    names = [name for name in ready if name in (chosen or [])]
    if registry.BASELINE in ready and _has_reader():
        plain = st.checkbox(
            t("RAG without the reader adapter, too"),
            key="eval_plain",
            help=t("One more row: what the adapter is worth."),
        )
        names += [registry.BASELINE + PLAIN] if plain else []
    _unready({name: states[0] for name, states in lacking.items() if states})
    return names


def _has_reader() -> bool:
    settings = state.settings()
    return settings.reader and not settings.engine_url and reader_for(settings.model) is not None


def _unready(lacking: Mapping[str, Any]) -> None:
    """Methods that cannot be asked yet, by what they wait for."""
    if not lacking:
        return
    waiting: dict[str, list[str]] = {}
    for name, missing in lacking.items():
        waiting.setdefault(missing.kind, []).append(t(registry.METHODS[name].label))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="eval-unready"):
        st.caption(t("Not ready:"), width="content")
        for kind, labels in waiting.items():
            state_ = next(missing for missing in lacking.values() if missing.kind == kind)
            link_to(page_for(kind), f"{escape(', '.join(labels))}: {to_do(state_)}")
