"""The frame of every page: the sidebar, the header, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import streamlit as st

from app import state
from app.i18n import t, tn
from app.navigation import PAGES, page_for
from app.views.shared.jobs import job_summary
from app.views.shared.language import language_switch
from app.views.shared.present import theme_switch
from app.views.shared.text import escape, escape_but_code
from core.artefacts import ARTEFACTS, artefact, index_kind
from core.errors import TesseraError
from core.methods import registry
from core.models.device import choose_device, describe
from core.models.server import Server, encoder_name
from core.models.variant import ModelVariant
from core.stores.registry import STORES
from core.units import size
from core.workspace import ArtefactState, Workspace

_MARKS = {"ready": ":green[:material/check_circle:]", "stale": ":orange[:material/history:]"}
_MISSING = ":gray[:material/radio_button_unchecked:]"


@contextmanager
def guarded() -> Iterator[None]:
    """Shows a TesseraError as what happened and what to do; anything else is a bug and goes to Streamlit."""
    try:
        yield
    except TesseraError as error:
        show_error(error)


def show_error(error: TesseraError) -> None:
    """What happened, what to do about it, and the pages to do it on."""
    show_failure(error.what, error.remedy)
    for page in dict.fromkeys(map(page_for, error.kinds)):
        if st.session_state.get(state.PAGE) != page:
            link_to(page)


def show_failure(what: str, remedy: str) -> None:
    """The same for an error that was kept as two sentences."""
    happened, to_do_next = escape_but_code(t(what)), escape_but_code(t(remedy))
    st.error(f"**{happened}**" + (f"\n\n{to_do_next}" if remedy else ""), icon=":material/error:")


def header(name: str) -> None:
    """Title of the page, the one question it answers, and what of the workspace is damaged."""
    info = PAGES[name]
    st.session_state[state.PAGE] = name
    st.title(t(info.heading or info.title), anchor=False)
    with st.container(key="page-question"):
        st.header(t(info.question), anchor=False)
    ws = state.current_workspace()
    indexes = (kind for kind in map(index_kind, STORES) if ws.folder(kind).is_dir())
    for state_ in map(ws.state, dict.fromkeys((*ARTEFACTS, *indexes))):
        if state_.damaged:
            with guarded():
                ws.require(state_.kind)


def link_to(name: str, label: str = "") -> None:
    """A link to another page."""
    info = PAGES[name]
    st.page_link(info.path, label=label or t(info.title), icon=info.icon)


def show_warnings(warnings: Iterable[str]) -> None:
    """What a person should know before they trust the answers."""
    for warning in warnings:
        st.warning(t(warning), icon=":material/translate:")


def show_damaged(lines: int) -> None:
    """Of a log that is shown, how much is missing."""
    why = tn(
        lines,
        "{n:,} kept line is damaged (cut short by a crash, or changed on the disk) and left out.",
        "{n:,} kept lines are damaged (cut short by a crash, or changed on the disk) and left out.",
    )
    st.caption(f":material/heart_broken: {why}")


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
    return f"{mark} {t(artefact(state_.kind).label)} :gray[{detail}]"


def _figures(state_: ArtefactState) -> str:
    params = state_.params
    if state_.kind == "corpus":
        return tn(int(params.get("passages", 0)), "{n:,} passage", "{n:,} passages")
    if state_.kind == "partition":
        return tn(int(params.get("cells", 0)), "{n:,} cell", "{n:,} cells")
    if state_.kind == "prefixes":
        return tn(int(params.get("tokens", 0)), "{n:,} token", "{n:,} tokens")
    if state_.kind == "memory" and "documents" in params:
        return tn(int(params["documents"]), "{n:,} document", "{n:,} documents")
    return size(state_.bytes)


def sidebar() -> None:
    """Workspace, what is built in it, the machine, and the job under way."""
    with st.sidebar:
        with st.container(horizontal=True, vertical_alignment="center"):
            language_switch()
            theme_switch()
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
            artefact_list(ws)
            model_and_device()
        job_summary(ws)


def artefact_list(ws: Workspace) -> None:
    """What is built in a workspace, one line each."""
    kinds = ("corpus", "index", "partition", caches_kind(), "memory")
    st.markdown("  \n".join(artefact_line(ws.state(kind)) for kind in kinds))


def caches_kind() -> str:
    """What CAG continues from where the language model runs: blocks, or what a server has read."""
    return "prefixes" if state.settings().engine_url else "blocks"


def model_and_device() -> None:
    """Model, encoder, device and number format, in a few short lines."""
    settings = state.settings()
    device, variant = choose_device(settings.device), ModelVariant.of(settings)
    reader = t(" + reader") if variant.adapter else ""
    here = f":material/neurology: {escape(settings.model)}{reader}"
    lines = (
        f":material/dns: {escape(Server.of(settings).name)}" if settings.engine_url else here,
        f":material/scatter_plot: {escape(encoder_name(settings))}",
        f":material/memory: {escape(t(describe(device)))} · {variant.dtype}",
    )
    st.markdown("  \n".join(f":gray[{line}]" for line in lines))


def missing_for(ws: Workspace, needs: tuple[str, ...]) -> list[ArtefactState]:
    """The artefacts among ``needs`` that are not ready, in the order in which they are built."""
    return [state_ for kind in needs if (state_ := ws.state(kind)).status != "ready"]


def lacking_for(ws: Workspace, method: str) -> list[ArtefactState]:
    """The artefacts that a method waits for where the language model runs."""
    return missing_for(ws, registry.METHODS[method].on(state.settings()).needs)


def to_do(state_: ArtefactState) -> str:
    """What is to be done about an artefact that is not ready, in a few words."""
    action = t(artefact(state_.kind).remedy)
    return t("{action} again", action=action) if state_.status == "stale" else action
