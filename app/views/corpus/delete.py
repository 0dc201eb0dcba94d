"""Deleting a workspace: first what goes with it, wherever it is, then the question."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.frame import show_failure
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.errors import TesseraError
from core.removal import belongings
from core.workspace import Workspace

_DOOMED = "doomed_workspace"
_FAILED = "deletion_failed"


def deletion(ws: Workspace, busy: bool) -> None:
    """A button; once it is pressed, the list and the question."""
    if failure := state.refusal(_FAILED):
        show_failure(*failure)
    if st.session_state.get(_DOOMED) != str(ws.path):
        st.button(
            t("Delete this workspace"),
            key="workspace-delete",
            type="tertiary",
            icon=":material/delete:",
            disabled=busy,
            on_click=state.assign,
            args=(_DOOMED, str(ws.path)),
        )
        return
    try:
        parts = belongings(ws)
    except TesseraError as error:
        show_failure(error.what, error.remedy)
        parts = []
    with st.container(border=True):
        st.markdown(f"**{t('Delete {name} with all of this?', name=escape(ws.name))}**")
        stays = t("stays: it belongs to the workspace that this one is a copy of")
        rows = [
            {"what": t(part.what), "where": t(part.where), "state": stays if part.stays else t("goes")}
            for part in parts
        ]
        columns = {"what": t("What"), "where": t("Kept at"), "state": t("State")}
        show_table(rows, "belongings", columns)
        with st.container(horizontal=True):
            st.button(
                t("Delete all of it"),
                key="workspace-delete-all",
                type="primary",
                disabled=busy or not parts,
                on_click=_delete,
                args=(ws,),
            )
            st.button(t("Keep it"), key="workspace-keep", on_click=state.assign, args=(_DOOMED, ""))


def _delete(ws: Workspace) -> None:
    st.session_state[_DOOMED] = ""
    with state.refusing(_FAILED):
        state.delete_workspace(ws)
