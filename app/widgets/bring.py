"""Documents in: uploads with a state for each file, known data sets, and paths of this machine."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app import building, state
from app.widgets.frame import guarded
from app.widgets.text import escape
from app.words import labels, t, tn
from core.corpus.importing import FileResult, Importer, ImportReport
from core.corpus.intake import safe_name
from core.corpus.readers.registry import READERS
from core.corpus.types import Corpus
from core.figures.units import size
from core.pipeline import FIRST_MEMORY
from core.said import said
from core.workspace import list_workspaces

DATA_SETS = {
    "sample": "The sample that ships with Tessera: an invented world",
    "natural_questions": "Natural Questions: real questions over Wikipedia",
    "hotpotqa": "HotpotQA: questions over two passages",
    "squad": "SQuAD: questions over paragraphs",
    "": "A file or folder on this machine",
}
_REPORT = "upload_report"


def bring(busy: bool) -> None:
    """The two ways of bringing a corpus in, and the workspace that it goes to."""
    upload, choose = st.columns(2, gap="large")
    with upload.container(border=True, key="bring-upload"):
        st.markdown(f"#### :material/upload_file: {t('Your own documents')}")
        _upload(busy)
    with choose.container(border=True, key="bring-choose"):
        st.markdown(f"#### :material/dataset: {t('A data set or a path')}")
        _choose(busy)


def _upload(busy: bool) -> None:
    st.caption(
        t("Everything stays on this machine. A file is read whole or refused with the reason, nothing in between.")
    )
    files = st.file_uploader(
        t("Documents"),
        type=[suffix.lstrip(".") for suffix in READERS],
        accept_multiple_files=True,
        key="uploads",
        label_visibility="collapsed",
    )
    if not files:
        st.session_state.pop(_REPORT, None)
        return
    with guarded():
        report = _read(files)
        if not report.passages:
            st.warning(t("None of these files gave a passage."), icon=":material/warning:")
            return
        name = st.text_input(
            t("Name of the new workspace"),
            "my-documents",
            key="upload_workspace",
            help=t("Letters, digits, '-' and '_'."),
        )
        _warn_of_replacing(name)
        st.checkbox(
            t("Go on to cells, KV caches and a first memory"),
            True,
            key="upload_further",
            help=t(
                "What KV-cache CAG and LLM-as-Memory need to answer, too. The first memory is made without training, "
                "of up to {n:,} passages; it finds documents, and is rough in what it says of them.",
                n=FIRST_MEMORY,
            ),
        )
        st.button(
            tn(len(report.passages), "Build from {n:,} passage", "Build from {n:,} passages"),
            type="primary",
            icon=":material/construction:",
            key="upload-build",
            disabled=busy or not name,
            on_click=_build_upload,
            args=(report,),
        )


def _read(files: Sequence[UploadedFile]) -> ImportReport:
    """Reads files one after another under a table of their states; what was read once is not read again."""
    wanted = [file.file_id for file in files]
    kept = st.session_state.get(_REPORT)
    table = st.empty()
    if kept and kept[0] == wanted:
        report: ImportReport = kept[1]
        _states(table, files, report.files)
        return report
    importer = Importer(state.models().prompt().count)
    done: list[FileResult] = []
    for file in files:
        _states(table, files, done)
        done.append(importer.add(file.name, file.getvalue()))
    _states(table, files, done)
    st.session_state[_REPORT] = (wanted, importer.report())
    return importer.report()


def _states(
    table: st.delta_generator.DeltaGenerator, files: Sequence[UploadedFile], done: Sequence[FileResult]
) -> None:
    rows = []
    for number, file in enumerate(files):
        result = done[number] if number < len(done) else None
        place = {"n": number + 1, "total": len(files)}
        waiting = t("reading, {n} of {total}", **place) if number == len(done) else t("queued, {n} of {total}", **place)
        rows.append(
            {
                "file": safe_name(file.name),
                "size": size(file.size),
                "state": _verdict(result) if result else waiting,
            }
        )
    table.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"file": t("File"), "size": t("Size"), "state": t("State")},
    )


def _verdict(result: FileResult) -> str:
    if result.status == "failed":
        return f"✗ {t(result.error)}"
    gave = tn(result.passages, "✓ ready: {n:,} passage", "✓ ready: {n:,} passages")
    copies = t("{n:,} duplicates left out", n=result.duplicates) if result.duplicates else ""
    note = f" ({t(result.note)})" if result.note else ""
    return ", ".join(part for part in (gave, copies) if part) + note


def _build_upload(report: ImportReport) -> None:
    # Widgets are read here and not when the button is drawn: a last change and the click may arrive together.
    name, further = str(st.session_state["upload_workspace"]).strip(), bool(st.session_state["upload_further"])
    corpus, models = Corpus(name, report.passages, {}), state.models()
    state.start_job(
        name, said("Building {name}", name=name), lambda ws: building.from_corpus(ws, models, corpus, further)
    )


def _warn_of_replacing(name: str) -> None:
    if name.strip() in list_workspaces(state.settings().workspaces):
        warning = t("{name} exists: its passages will be replaced.", name=escape(name))
        st.caption(f":orange[:material/swap_horiz: {warning}]")


def _choose(busy: bool) -> None:
    source = st.selectbox(t("Source"), list(DATA_SETS), format_func=labels(DATA_SETS), key="choose_source")
    path = ""
    if not source:
        path = st.text_input(
            t("Path"),
            key="choose_path",
            placeholder=t("path/to/documents"),
            help=t("CSV, JSONL, Parquet, TXT, Markdown or PDF, or a folder, with passages.jsonl or with such files."),
        )
    elif source != "sample":
        st.caption(t("Comes from the Hugging Face hub, or from its cache on this machine."))
    st.number_input(
        t("Passages at most"),
        min_value=10,
        max_value=50_000,
        value=500,
        step=100,
        key="choose_size",
        disabled=source == "sample",
    )
    name = st.text_input(t("Name of the workspace"), source or "my-documents", key=f"choose_workspace_{source}")
    _warn_of_replacing(name)
    st.checkbox(t("Go on to cells, KV caches and a first memory"), True, key="choose_further")
    st.button(
        t("Bring it in"),
        type="primary",
        icon=":material/download:",
        key="choose-build",
        disabled=busy or not name or not (source or path),
        on_click=_build_choice,
    )


def _build_choice() -> None:
    chosen, models = st.session_state, state.models()
    source = str(chosen["choose_source"])
    name, further = str(chosen[f"choose_workspace_{source}"]).strip(), bool(chosen["choose_further"])
    limit = None if source == "sample" else int(chosen["choose_size"])
    source = source or str(chosen["choose_path"]).strip()
    state.start_job(
        name, said("Building {name}", name=name), lambda ws: building.from_source(ws, models, source, limit, further)
    )
