"""The indexes of a workspace: which are built, what they weigh, and the buttons that build and delete them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.frame import show_failure
from app.views.shared.text import escape
from core.artefacts import DEFAULT_STORE, index_kind
from core.messages import message
from core.stores.index import build_indexes, delete_index
from core.stores.registry import STORES
from core.units import size
from core.workspace import ArtefactState, Workspace

_FAILED = "index_failed"
_MARKS = {
    "ready": ":green[:material/check_circle:] ready",
    "stale": ":orange[:material/history:] out of date",
    "missing": ":gray[:material/radio_button_unchecked: not built]",
}


def index_list(ws: Workspace, busy: bool) -> None:
    """One line per store, with its buttons."""
    states = {name: ws.state(index_kind(name)) for name in STORES}
    if failure := state.refusal(_FAILED):
        show_failure(*failure)
    with st.container(border=True, key="index-list"):
        for name in STORES:
            _line(ws, name, states[name], busy)
    open_ones = [name for name in STORES if states[name].status != "ready"]
    if len(open_ones) > 1:
        st.button(
            t("Build the other {n}", n=len(open_ones)),
            key="index-build-all",
            type="primary",
            icon=":material/construction:",
            disabled=busy,
            on_click=_start,
            args=(ws, open_ones, False),
        )


def _line(ws: Workspace, name: str, index: ArtefactState, busy: bool) -> None:
    spec = STORES[name]
    about, rest = st.columns(2, vertical_alignment="center")
    row = rest.container(horizontal=True, vertical_alignment="center")
    about.markdown(f"**{t(spec.label)}**  \n:gray[{escape(t(spec.summary))}]")
    row.markdown(t(_MARKS[index.status]) + _weight(index), width="stretch")
    ready = index.status == "ready"
    row.button(
        t("Rebuild") if ready else t("Build"),
        key=f"index-build-{name}",
        disabled=busy,
        on_click=_start,
        args=(ws, [name], ready),
        help=t(index.reason) or None,
    )
    if index.status != "missing" and name != DEFAULT_STORE:
        row.button(
            t("Delete"),
            key=f"index-delete-{name}",
            disabled=busy,
            on_click=_delete,
            args=(ws, name),
            type="tertiary",
            icon=":material/delete:",
            help=t("Deletes this index; it can be built again."),
        )


def _weight(index: ArtefactState) -> str:
    if index.manifest is None:
        return ""
    weighs = int(index.manifest.params.get("bytes", index.bytes))
    facts = t("{size} · built in {seconds:.1f} s", size=size(weighs), seconds=index.manifest.build_s)
    return f"  \n:gray[{facts}]"


def _start(ws: Workspace, names: Sequence[str], force: bool) -> None:
    label = (
        message("Indexing with {store}", store=message(STORES[names[0]].label))
        if len(names) == 1
        else message("Building {n} indexes", n=len(names))
    )
    state.start_job(ws.name, label, build_indexes, stores=names, force=force)


def _delete(ws: Workspace, name: str) -> None:
    with state.refusing(_FAILED):
        delete_index(ws, name)
