"""The documents of a workspace: which there are; putting some in or taking some out, undo, and another name."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t, tn
from app.views.shared.frame import show_failure
from app.views.shared.table import choose_rows
from app.views.shared.text import escape
from core.corpus.documents import documents, put, without
from core.corpus.importing import ImportReport
from core.corpus.store import fingerprint
from core.corpus.types import Corpus
from core.messages import message
from core.revision import can_undo, revise, undo
from core.workspace import Workspace

_LEAVING = "leaving_documents"
_FAILED = "rename_failed"


def show_documents(ws: Workspace, corpus: Corpus, busy: bool) -> None:
    """The table of documents, what can be done with those chosen in it, and the name of the workspace."""
    stored = documents(corpus)
    if stored:
        st.caption(
            t("Select rows to remove documents. To add one, or to replace one by a file of its name: Bring documents.")
        )
        rows = choose_rows(
            {
                "file": [document.file for document in stored],
                "passages": [document.passages for document in stored],
                "pages": [document.pages or None for document in stored],
            },
            f"documents-{fingerprint(corpus.passages)}",  # rows chosen of another state are other documents
            {"file": t("File"), "passages": t("Passages"), "pages": t("Pages")},
            several=True,
            placeholder="",
        )
        _removal(ws, [stored[row].file for row in rows], busy)
    else:
        st.info(t("These passages came as passages, not from documents."), icon=":material/dataset:")
    if can_undo(ws):
        st.button(
            t("Undo the last change"),
            key="documents-undo",
            icon=":material/undo:",
            disabled=busy,
            on_click=_undo,
            args=(ws,),
            help=t("Brings the documents back as they were before the last change."),
        )
    if ws.name != state.SAMPLE:
        _name(ws, busy)


def adding(ws: Workspace, corpus: Corpus, report: ImportReport, busy: bool) -> None:
    """What becomes of files that were read for a workspace, and the button that puts them in."""
    stored = {document.file for document in documents(corpus)}
    replaced = sorted({passage.source.file for passage in report.passages if passage.source} & stored)
    if replaced:
        warning = t("Replaced by the new file of that name: {names}", names=escape(", ".join(replaced)))
        st.caption(f":orange[:material/swap_horiz: {warning}]")
    st.caption(t("What changed is built, nothing else. It can be undone."))
    st.button(
        tn(len(report.passages), "Add {n:,} passage", "Add {n:,} passages"),
        type="primary",
        icon=":material/add:",
        key="upload-add",
        disabled=busy,
        on_click=_add,
        args=(ws, report),
    )


def _add(ws: Workspace, report: ImportReport) -> None:
    label = message("Adding to {name}", name=ws.name)
    with state.refusing():
        corpus = put(state.corpus_of(ws), report)
        state.start_job(ws.name, label, revise, corpus=corpus, originals=uploaded())


def uploaded() -> list[tuple[str, bytes]]:
    """Name and content of the files that were dropped on the page."""
    return [(file.name, file.getvalue()) for file in st.session_state["uploads"]]


def _removal(ws: Workspace, files: list[str], busy: bool) -> None:
    """A button; once it is pressed, the question."""
    if not files:
        return
    leaving = (str(ws.path), *files)
    if st.session_state.get(_LEAVING) != leaving:
        st.button(
            tn(len(files), "Remove {n:,} document", "Remove {n:,} documents"),
            key="documents-remove",
            icon=":material/delete:",
            disabled=busy,
            on_click=state.assign,
            args=(_LEAVING, leaving),
        )
        return
    with st.container(border=True):
        st.markdown(f"**{t('Remove {names}?', names=escape(', '.join(files)))}**")
        st.caption(
            t(
                "No method will answer from it: its passages, vectors, blocks, z and kept answers go. Its text is set "
                "aside until the next change, so that this one can be undone."
            )
        )
        with st.container(horizontal=True):
            st.button(
                t("Remove"),
                key="documents-remove-now",
                type="primary",
                disabled=busy,
                on_click=_remove,
                args=(ws, files),
            )
            st.button(t("Keep it"), key="documents-keep", on_click=state.assign, args=(_LEAVING, ()))


def _remove(ws: Workspace, files: list[str]) -> None:
    st.session_state[_LEAVING] = ()
    with state.refusing():
        corpus = without(state.corpus_of(ws), files)
        state.start_job(ws.name, message("Removing documents from {name}", name=ws.name), revise, corpus=corpus)


def _undo(ws: Workspace) -> None:
    state.start_job(ws.name, message("Undoing the last change of {name}", name=ws.name), undo)


def _name(ws: Workspace, busy: bool) -> None:
    if failure := state.refusal(_FAILED):
        show_failure(*failure)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            t("Name of the workspace"),
            ws.name,
            key=f"rename-{ws.name}",
            help=t("Letters, digits, '-' and '_'."),
            width=320,
        )
        st.button(t("Rename"), key="workspace-rename", disabled=busy, on_click=_rename, args=(ws,))


def _rename(ws: Workspace) -> None:
    with state.refusing(_FAILED):
        state.rename_workspace(ws, str(st.session_state[f"rename-{ws.name}"]).strip())
