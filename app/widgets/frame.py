"""The frame of every page: the sidebar, the header, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from app import state
from app.navigation import FOR_ARTEFACT, PAGES
from app.widgets.jobs import job_summary
from app.widgets.language import language_switch
from app.widgets.text import escape, escape_but_code
from app.words import t, tn
from core.errors import TesseraError
from core.figures.units import size
from core.models.bundle import reader_for
from core.models.device import choose_device, choose_dtype, describe
from core.models.presets import find_preset
from core.workspace import ArtefactState, Workspace

_MARKS = {"ready": ":green[:material/check_circle:]", "stale": ":orange[:material/history:]"}
_MISSING = ":gray[:material/radio_button_unchecked:]"
_SHOWN = {"corpus": "Corpus", "index": "Search index", "partition": "Map", "caches": "KV caches", "memory": "Memory"}
_ACTIONS = {
    "corpus": "bring documents",
    "embeddings": "embed the passages",
    "index": "index the passages",
    "partition": "cut the cells",
    "projection": "cut the cells",
    "caches": "build the KV caches",
    "blocks": "build the blocks of passages",
    "memory": "train a memory",
}


@contextmanager
def guarded() -> Iterator[None]:
    """Shows a TesseraError as what happened and what to do; anything else is a bug and goes to Streamlit."""
    try:
        yield
    except TesseraError as error:
        show_error(error)


def show_error(error: TesseraError) -> None:
    """What happened, and what to do about it."""
    show_failure(error.what, error.remedy)


def show_failure(what: str, remedy: str) -> None:
    """The same for an error that was kept as two sentences.

    A sentence of core is said in the session's language when it is constant or was made by ``core.said``; a rare error
    that names a value in an f-string stays English.
    """
    happened, to_do_next = escape_but_code(t(what)), escape_but_code(t(remedy))
    st.error(f"**{happened}**" + (f"\n\n{to_do_next}" if remedy else ""), icon=":material/error:")


def header(name: str) -> None:
    """Title of the page and the one question it answers."""
    info = PAGES[name]
    st.session_state[state.PAGE] = name
    st.title(t(info.heading or info.title), anchor=False)
    with st.container(key="page-question"):
        st.header(t(info.question), anchor=False)


def link_to(name: str, label: str = "") -> None:
    """A link to another page."""
    info = PAGES[name]
    st.page_link(info.path, label=label or t(info.title), icon=info.icon)


def empty_state(title: str, why: str, page: str = "", label: str = "", icon: str = ":material/inbox:") -> None:
    """Nothing here yet: what is missing, why it matters, and the next action."""
    with st.container(border=True):
        st.markdown(f"### {icon} {title}")
        st.markdown(why)
        if page:
            link_to(page, label)


def artefact_line(state_: ArtefactState) -> str:
    """One line of Markdown about an artefact: mark, name, and its figures."""
    mark = _MARKS.get(state_.status, _MISSING)
    detail = {"missing": t("not built"), "stale": t("out of date")}.get(state_.status) or _figures(state_)
    return f"{mark} {t(_SHOWN.get(state_.kind, state_.kind))} :gray[{detail}]"


def _figures(state_: ArtefactState) -> str:
    params: dict[str, Any] = state_.manifest.params if state_.manifest else {}
    if state_.kind == "corpus":
        return tn(int(params.get("passages", 0)), "{n:,} passage", "{n:,} passages")
    if state_.kind == "partition":
        return tn(int(params.get("cells", 0)), "{n:,} cell", "{n:,} cells")
    if state_.kind == "memory" and "documents" in params:
        return tn(int(params["documents"]), "{n:,} document", "{n:,} documents")
    return size(state_.bytes)


def sidebar() -> None:
    """Workspace, what is built in it, the machine, and the job under way."""
    with st.sidebar:
        language_switch()
        state.apply_chosen_workspace()
        st.selectbox(
            t("Workspace"),
            state.workspace_names(),
            key=state.WORKSPACE_KEY,
            help=t("A folder with everything built for one corpus. The command line works on the same ones."),
        )
        ws = state.current_workspace()
        if ws.name != state.SAMPLE:
            st.query_params[state.WORKSPACE_KEY] = ws.name  # a reload finds it again, and the build in it
        with st.container(key="facts"):
            built(ws)
            machine()
        job_summary(ws)


def built(ws: Workspace) -> None:
    """What is built in a workspace, one line each."""
    st.markdown("  \n".join(artefact_line(ws.state(kind)) for kind in _SHOWN))


def machine() -> None:
    """Model, encoder, device and number format, in a few short lines."""
    settings = state.settings()
    device = choose_device(settings.device)
    reader = t(" + reader") if settings.reader and reader_for(settings.model) else ""
    lines = (
        f":material/neurology: {escape(settings.model)}{reader}",
        f":material/scatter_plot: {escape(settings.encoder)}",
        f":material/memory: {escape(t(describe(device)))} · {number_format()}",
    )
    st.markdown("  \n".join(f":gray[{line}]" for line in lines))


def number_format() -> str:
    """The dtype the language model runs in."""
    settings = state.settings()
    preset = find_preset(settings.model)
    wanted = preset.dtype if preset and settings.dtype == "auto" else settings.dtype
    return choose_dtype(wanted, choose_device(settings.device))


def missing_for(ws: Workspace, needs: tuple[str, ...]) -> list[ArtefactState]:
    """The artefacts among ``needs`` that are not ready, in the order in which they are built."""
    return [found for kind in needs if (found := ws.state(kind)).status != "ready"]


def to_do(state_: ArtefactState) -> str:
    """What is to be done about an artefact that is not ready, in a few words."""
    action = t(_ACTIONS[state_.kind])
    return t("{action} again", action=action) if state_.status == "stale" else action


def page_for(kind: str) -> str:
    """Name of the page on which an artefact is built."""
    return FOR_ARTEFACT[kind]
