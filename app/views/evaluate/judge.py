"""A judge model for a saved run, where the settings name one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.frame import guarded
from app.views.shared.text import escape
from core.labs.judge.judging import Judge, judge_run, ragas_python
from core.workspace import Workspace


def judge_line(ws: Workspace, folder: Path, run: Mapping[str, Any], busy: bool) -> None:
    """Who has judged a run, and the button that has it judged."""
    if not (state.settings().judge_url or state.settings().engine_url):
        st.caption(
            t(
                "No judge is set: with TESSERA_JUDGE_URL and TESSERA_JUDGE_MODEL a model behind any OpenAI-compatible "
                "address scores these answers through Ragas (`make ragas`)."
            )
        )
        return
    with guarded(), st.container(horizontal=True, vertical_alignment="center"):
        judge = Judge.from_settings(state.settings())
        st.button(
            t("Judge with Ragas"),
            icon=":material/gavel:",
            key="eval-judge",
            disabled=busy,
            on_click=_judge,
            args=(ws, folder, judge),
        )
        recipient = t("Questions, answers and evidence go to {judge}.", judge=escape(judge.name))
        done = t("Judged by {judge}.", judge=escape(run["judge"]["name"])) if "judge" in run else ""
        st.caption(f"{recipient} {done}", width="content")


def _judge(ws: Workspace, folder: Path, judge: Judge) -> None:
    with state.refusing():
        state.start_job(ws.name, "Judging answers", judge_run, folder=folder, judge=judge, python=ragas_python())
