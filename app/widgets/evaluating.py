"""A new evaluation: which questions, which arms, how many; and what it finds while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import pandas as pd
import streamlit as st

from app import state
from app.widgets.arms import heading
from app.widgets.frame import guarded, link_to, missing_for, page_for, to_do
from app.widgets.text import escape
from app.words import labels, t, tn
from core.corpus.types import Corpus
from core.evaluation import harness
from core.evaluation.arms import Arm, parse_arms
from core.evaluation.questions import Asked, draw, from_file, from_split
from core.evaluation.runs import Plan, run_folder
from core.jobs import Work
from core.methods import registry
from core.methods.resources import Resources
from core.models.bundle import Models, reader_for
from core.said import said
from core.workspace import Workspace

UPLOAD = "a file"
_DEFAULT_N = 50
_USUAL = ("rag", "cag", "memory", "closed-book", "bm25")


def new_run(ws: Workspace, corpus: Corpus, busy: bool) -> None:
    """The form of a new run."""
    with st.container(border=True, key="new-run"):
        data, number = st.columns([3, 1])
        with data:
            asked = _questions(corpus)
        if asked is None:
            return
        with number:
            n = st.number_input(
                t("How many"),
                1,
                len(asked.questions),
                min(_DEFAULT_N, len(asked.questions)),
                key="eval_n",
                help=t("Drawn by the seed of the settings; a smaller draw is part of a larger one."),
            )
        names = _arms(ws, asked)
        st.button(
            t("Ask {questions} of {arms}", questions=_count(int(n)), arms=_count_arms(len(names))),
            type="primary",
            icon=":material/play_arrow:",
            key="eval-start",
            disabled=busy or not names,
            on_click=start,
            args=(ws, asked, parse_arms(names) if names else (), int(n)),
        )
        st.caption(
            t(
                "One arm after another, each opened and warmed before the first clock starts. Cancel whenever you "
                "like: what was answered is kept, and the same choice goes on from there."
            )
        )


def start(ws: Workspace, asked: Asked, arms: Sequence[Arm], n: int) -> None:
    """Starts a run in the background."""
    models = state.models()
    label = said(
        "Asking {questions} of {arms}",
        questions=said("{n:,} question" if n == 1 else "{n:,} questions", n=n),
        arms=said("{n:,} arm" if len(arms) == 1 else "{n:,} arms", n=len(arms)),
    )
    state.start_job(ws.name, label, lambda target: _work(target, models, asked, arms, n))


def _work(ws: Workspace, models: Models, asked: Asked, arms: Sequence[Arm], n: int) -> Work:
    seed = models.settings.seed
    resources = Resources(ws, models)
    plan = Plan(tuple(arms), draw(asked.questions, n, seed), asked.source, len(asked.questions), seed)
    yield from harness.evaluate(resources, plan, run_folder(resources, plan))


def live(history: Sequence[Mapping[str, Any]]) -> None:
    """Scores so far, arm by arm."""
    rows = partial(history)
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="eval-live", column_config=_live_columns())


def partial(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per arm from what a job has reported since it was started."""
    answered: dict[str, list[Mapping[str, Any]]] = {}
    for step in history:
        if "arm" in step:
            answered.setdefault(step["arm"], []).append(step)
    return [
        {
            "arm": name,
            "n": len(steps),
            "EM": sum(step["em"] for step in steps) / len(steps),
            "F1": sum(step["f1"] for step in steps) / len(steps),
            "ms": median(step["total_ms"] for step in steps),
        }
        for name, steps in answered.items()
    ]


def _live_columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "arm": t("Arm"),
        "n": number(t("Answered since the start")),
        "EM": number(t("EM so far"), format="%.2f"),
        "F1": number(t("F1 so far"), format="%.2f"),
        "ms": number(t("Median (ms)"), format="%.0f"),
    }


def _count(questions: int) -> str:
    return tn(questions, "{n:,} question", "{n:,} questions")


def _count_arms(arms: int) -> str:
    return tn(arms, "{n:,} arm", "{n:,} arms")


def _questions(corpus: Corpus) -> Asked | None:
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
        asked = from_file(file.name, file.getvalue(), corpus)
        ready = t("{questions} can be asked.", questions=_count(len(asked.questions)))
        note = t("{n:,} more are about passages outside this corpus.", n=asked.outside) if asked.outside else ""
        st.caption(f":material/check_circle: {ready} {note}".rstrip())
        return asked
    return None


def _others(splits: Mapping[str, int]) -> list[str]:
    return [split for split in splits if split not in ("test", "dev", "train")]


def _arms(ws: Workspace, asked: Asked) -> list[str]:
    lacking = {name: missing_for(ws, spec.needs) for name, spec in registry.METHODS.items()}
    gold = any(question.passage_ids for question in asked.questions)
    ready = [n for n, spec in registry.METHODS.items() if not lacking[n] and (gold or not spec.asks_gold)]
    chosen = st.pills(
        t("Arms"),
        ready,
        selection_mode="multi",
        default=[name for name in ready if name in _USUAL],
        format_func=heading,
        key="eval_arms",
        help=t("The controls (oracle, wrong cell, shuffled memory) show what an answer owes to the right evidence."),
    )
    names = [name for name in ready if name in (chosen or [])]
    if "rag" in ready and state.settings().reader and reader_for(state.settings().model):
        plain = st.checkbox(
            t("RAG without the reader adapter, too"),
            key="eval_plain",
            help=t("One more row: what the adapter is worth."),
        )
        names += ["rag:plain"] if plain else []
    _unready({name: states[0] for name, states in lacking.items() if states})
    return names


def _unready(lacking: Mapping[str, Any]) -> None:
    """Arms that cannot be asked yet, by what they wait for."""
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
