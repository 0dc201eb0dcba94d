"""Documents in: uploads with a state for each file, known data sets, and paths of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app import state
from app.i18n import labels, t, tn
from app.views.corpus.documents import adding, uploaded
from app.views.shared.frame import guarded
from app.views.shared.text import escape
from core import pipeline
from core.corpus.chunking import DEFAULT_CHUNKING, LONGEST, SHORTEST, Chunking, reading_count
from core.corpus.documents import others
from core.corpus.importing import FileResult, Importer, ImportReport
from core.corpus.limits import safe_name
from core.corpus.load import corpus_of
from core.corpus.readers.base import DEFAULT_COLUMNS, ColumnChoice, Columns
from core.corpus.readers.registry import FORMATS
from core.corpus.sample import SAMPLES
from core.corpus.store import fingerprint
from core.corpus.types import Corpus, Passage, Source
from core.messages import message
from core.models.server import Server
from core.pipeline import FIRST_MEMORY
from core.units import size
from core.workspace import Workspace, list_workspaces

DATA_SETS = {
    "sample": "The sample that ships with Tessera: an invented world",
    "sample-ko": "The Korean sample: an invented valley",
    "natural_questions": "Natural Questions: real questions over Wikipedia",
    "hotpotqa": "HotpotQA: questions over two passages",
    "squad": "SQuAD: questions over paragraphs",
    "": "A file or folder on this machine",
}
_REPORT = "upload_report"
_COLUMNS = "upload_columns"
_PREVIEWED = 30
_NEW, _ADD = "new", "add"
_UPLOAD, _CHOOSE = "upload", "choose"
"""Beginnings of the keys of the two forms: each has a length and an overlap of its own."""


def bring(busy: bool, ws: Workspace | None = None, corpus: Corpus | None = None) -> None:
    """The two ways of bringing a corpus in, and the workspace that it goes to.

    Args:
        busy: Something is being built.
        ws: The current workspace, to which documents may be added; None where it has no corpus.
        corpus: Its corpus.
    """
    upload, choose = st.columns(2, gap="medium")
    with upload.container(border=True, key="bring-upload"):
        st.markdown(f"#### :material/upload_file: {t('Your own documents')}")
        _upload(busy, ws, corpus)
    with choose.container(border=True, key="bring-choose"):
        st.markdown(f"#### :material/dataset: {t('A data set or a path')}")
        _choose(busy)


def _where_they_go() -> str:
    """Who gets to see what is brought here."""
    settings = state.settings()
    hosts = [Server.of(settings).host] if settings.engine_url else []
    hosts += [Server.embedding(settings).host] if settings.embed_url else []
    if not hosts:
        return t("Everything stays on this machine.")
    named = escape(", ".join(dict.fromkeys(hosts)))
    return t("Files stay on this machine; their passages are sent to {hosts}.", hosts=named)


def _further() -> str:
    """What is built beyond what RAG needs."""
    if state.settings().engine_url:
        return t("Then build cells, which the server reads, and a first memory")
    return t("Then build cells, KV blocks and a first memory")


def _upload(busy: bool, ws: Workspace | None, corpus: Corpus | None) -> None:
    st.caption(f"{_where_they_go()} {t('A file is either read whole or refused, with the reason.')}")
    st.caption(", ".join(form.label for form in FORMATS))
    # Any file may be dropped here: one that cannot be read is then listed with the reason, like others.
    files = st.file_uploader(t("Documents"), accept_multiple_files=True, key="uploads", label_visibility="collapsed")
    if not files:
        st.session_state.pop(_REPORT, None)
        st.session_state.pop(_COLUMNS, None)
        return
    grows = _grows(ws)
    with guarded():
        existing = others(corpus, [safe_name(file.name) for file in files]) if grows and corpus else []
        report = _read(files, existing, _chunking(_UPLOAD, corpus.chunking if grows and corpus else None))
        _remarks(files, report.files)
        if not report.passages:
            st.warning(t("None of these files gave a passage."), icon=":material/warning:")
            return
        _preview(report, fixed=grows)
        if grows and ws and corpus:
            adding(ws, corpus, report, busy)
        else:
            _build(report, busy)


def _grows(ws: Workspace | None) -> bool:
    """Whether the files are to join the current workspace; the sample stays what it is."""
    if ws is None or ws.name == state.SAMPLE:
        return False
    names = {_NEW: t("A new workspace"), _ADD: t("Add to {name}", name=ws.name)}
    chosen = st.segmented_control(
        t("Where they go"), list(names), default=_ADD, required=True, format_func=names.__getitem__, key="upload_where"
    )
    return chosen == _ADD


def _build(report: ImportReport, busy: bool) -> None:
    name = st.text_input(
        t("Name of the new workspace"), "my-documents", key="upload_workspace", help=t("Letters, digits, '-' and '_'.")
    )
    _warn_of_replacing(name)
    st.checkbox(
        _further(),
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


def _chunking(form: str, fixed: Chunking | None = None) -> Chunking:
    """How passages are to be cut: as the sliders say, which are drawn further down, or as the workspace's are."""
    chosen, (length_key, overlap_key) = st.session_state, _keys(form)
    if fixed:
        chosen[length_key], chosen[overlap_key] = fixed.length, fixed.overlap
        return fixed
    length = int(chosen.setdefault(length_key, DEFAULT_CHUNKING.length))
    chosen[overlap_key] = min(int(chosen.get(overlap_key, DEFAULT_CHUNKING.overlap)), length // 2)
    return Chunking(length, chosen[overlap_key])


def _keys(form: str) -> tuple[str, str]:
    return f"{form}_length", f"{form}_overlap"


def _read(files: Sequence[UploadedFile], existing: Sequence[Passage], chunking: Chunking) -> ImportReport:
    """Reads files one after another under a table of their states; what was read once is not read again.

    Args:
        chunking: How they are cut; another choice cuts again what was read.
    """
    chosen: dict[str, Columns] = st.session_state.setdefault(_COLUMNS, {})
    read_with = [(file.file_id, chosen.get(file.file_id, DEFAULT_COLUMNS)) for file in files]
    inputs = (read_with, fingerprint(existing))
    before = st.session_state.get(_REPORT)
    table = st.empty()
    importer = Importer(state.models().prompt().count, existing, chunking)
    if before and before[0] == inputs:
        report: ImportReport = before[2]
        if report.chunking != chunking:
            for reading in before[1]:
                importer.cut(reading)
            report = importer.report()
            st.session_state[_REPORT] = (inputs, before[1], report)
        _states(table, files, report.files)
        return report
    done: list[FileResult] = []
    for file, (_, columns) in zip(files, read_with, strict=True):
        _states(table, files, done)
        # Drawing the state lets a script that is no longer wanted end here, and the reader with it.
        with closing(importer.reading(file.name, file.getvalue(), columns=columns)) as reading:
            for _ in reading:
                _states(table, files, done)
        done.append(importer.report().files[-1])
    _states(table, files, done)
    st.session_state[_REPORT] = (inputs, importer.readings, importer.report())
    return importer.report()


def _states(
    table: st.delta_generator.DeltaGenerator, files: Sequence[UploadedFile], done: Sequence[FileResult]
) -> None:
    rows = []
    for number, file in enumerate(files):
        result = done[number] if number < len(done) else None
        position = {"n": number + 1, "total": len(files)}
        waiting = (
            t("reading, {n} of {total}", **position) if number == len(done) else t("queued, {n} of {total}", **position)
        )
        rows.append(
            {"file": safe_name(file.name), "size": size(file.size), "state": _verdict(result) if result else waiting}
        )
    table.dataframe(
        pd.DataFrame(rows), hide_index=True, column_config={"file": t("File"), "size": t("Size"), "state": t("State")}
    )


def _verdict(result: FileResult) -> str:
    if result.status == "failed":
        return t("? choose its columns") if result.choice else t("✗ refused")
    gave = tn(result.passages, "✓ ready: {n:,} passage", "✓ ready: {n:,} passages")
    copies = t("{n:,} duplicates left out", n=result.duplicates) if result.duplicates else ""
    return ", ".join(part for part in (gave, copies) if part)


def _remarks(files: Sequence[UploadedFile], results: Sequence[FileResult]) -> None:
    """The whole reason of every refusal, and what was assumed of files that were read."""
    for file, result in zip(files, results, strict=True):
        if result.error:
            st.markdown(f":red[:material/block:] {escape(t(result.error))}")
        if result.choice:
            _choose_columns(file.file_id, result.name, result.choice)
        if result.note:
            st.markdown(f":orange[:material/info:] {escape(result.name)}: {escape(t(result.note))}")


def _choose_columns(file_id: str, name: str, choice: ColumnChoice) -> None:
    """Lets one say which columns of a table hold text, title and id, beside its first rows."""
    with st.container(border=True, key=f"columns-{file_id}"):
        st.markdown(t("**Which columns of {name} hold what?**", name=escape(name)))
        # Numbered, since columns may share a name.
        preview = pd.DataFrame([{str(i): cell for i, cell in enumerate(row)} for row in choice.rows])
        st.dataframe(preview, hide_index=True, column_config={str(i): name for i, name in enumerate(choice.names)})
        named = [column for column in choice.names if column]
        parts = st.columns(3)
        proposed = named.index(choice.proposed) if choice.proposed in named else 0
        parts[0].selectbox(t("Text"), named, proposed, key=f"column_text_{file_id}")
        for part, label, role in ((parts[1], t("Title"), "title"), (parts[2], "Id", "id")):
            part.selectbox(label, ["", *named], format_func=labels({"": "none"}), key=f"column_{role}_{file_id}")
        st.button(t("Read it so"), key=f"columns-read-{file_id}", on_click=_take_columns, args=(file_id,))


def _take_columns(file_id: str) -> None:
    names = (str(st.session_state[f"column_{role}_{file_id}"]) for role in ("text", "title", "id"))
    st.session_state[_COLUMNS] = {**st.session_state.get(_COLUMNS, {}), file_id: Columns(*names)}


def _preview(report: ImportReport, fixed: bool) -> None:
    """The passages as they will be built, some of one file at a time, and how they are cut.

    Args:
        fixed: They join others, and are cut like those.
    """
    with st.expander(t("Look at the passages"), icon=":material/visibility:"):
        _controls(_UPLOAD, report.chunking, fixed)
        chosen, first = _part(report.passages)
        count, ends = reading_count(state.models().prompt().count, report.chunking.most), 0
        with st.container(height=480, border=False):
            for number, passage in enumerate(chosen[: first + _PREVIEWED]):
                source = passage.source or Source("")
                repeated, ends = max(0, ends - source.start), source.end
                if number < first:
                    continue
                with st.container(border=True):
                    tokens = tn(count(passage.text), "{n:,} token", "{n:,} tokens")
                    st.markdown(f"**{escape(passage.title or passage.id)}** :gray[{tokens}]")
                    if repeated:
                        st.caption(f"{t('Repeated from the passage before:')} {escape(passage.text[:repeated])}")
                    st.text(passage.text[repeated:].strip())


def _part(passages: Sequence[Passage]) -> tuple[list[Passage], int]:
    """The passages of the file that is looked at, and the first of those that are shown."""
    files = list(dict.fromkeys(passage.source.file if passage.source else "" for passage in passages))
    file = st.selectbox(t("File"), files, key="preview_file") if len(files) > 1 else files[0]
    chosen = [passage for passage in passages if (passage.source.file if passage.source else "") == file]
    if len(chosen) <= _PREVIEWED:
        return chosen, 0
    label = t("From passage, of {n:,}", n=len(chosen))
    return chosen, int(st.number_input(label, 1, len(chosen), step=_PREVIEWED, key="preview_first")) - 1


def _controls(form: str, chunking: Chunking, fixed: bool = False) -> None:
    """Length and overlap; what they change is seen in the passages beneath."""
    length, overlap = st.columns(2)
    length_key, overlap_key = _keys(form)
    length.slider(
        t("Length, in tokens"),
        SHORTEST,
        LONGEST,
        step=8,
        key=length_key,
        disabled=fixed,
        help=t("What a passage aims at; none is more than half as long again. A row of a table is one by itself."),
    )
    overlap.slider(
        t("Overlap, in tokens"),
        0,
        chunking.length // 2,
        step=4,
        key=overlap_key,
        disabled=fixed,
        help=t("What a passage repeats of the one before at most, in whole sentences."),
    )
    if fixed:
        st.caption(t("Cut as the documents that are there."))


def _build_upload(report: ImportReport) -> None:
    # Widgets are read here and not when the button is drawn: a last change and the click may arrive together.
    name = str(st.session_state["upload_workspace"]).strip()
    further = state.settings() if st.session_state["upload_further"] else None
    state.start_job(
        name,
        message("Building {name}", name=name),
        pipeline.prepare_corpus,
        corpus=corpus_of(name, report, state.models().prompt().count),
        further=further,
        originals=uploaded(),
    )


def _warn_of_replacing(name: str) -> None:
    if name.strip() in list_workspaces(state.settings().workspaces):
        warning = t("{name} exists: its passages will be replaced.", name=escape(name))
        st.caption(f":orange[:material/swap_horiz: {warning}]")


def _choose(busy: bool) -> None:
    existing = list_workspaces(state.settings().workspaces)
    # What is here already is no use at first sight, and bringing it again replaces what is there.
    first = next((number for number, name in enumerate(DATA_SETS) if name not in existing), 0)
    source = st.selectbox(t("Source"), list(DATA_SETS), first, format_func=labels(DATA_SETS), key="choose_source")
    path = ""
    if not source:
        path = st.text_input(
            t("Path"),
            key="choose_path",
            placeholder=t("path/to/documents"),
            help=t(
                "A document, a table, a data set as its authors publish it, or a folder, with passages.jsonl or with "
                "such files."
            ),
        )
    elif source not in SAMPLES:
        st.caption(t("Comes from the Hugging Face hub, or from its cache on this machine."))
    st.number_input(
        t("Passages at most"),
        min_value=10,
        max_value=50_000,
        value=500,
        step=100,
        key="choose_size",
        disabled=source in SAMPLES,
    )
    if source not in SAMPLES:
        _controls(_CHOOSE, _chunking(_CHOOSE))
    name = st.text_input(t("Name of the workspace"), source or "my-documents", key=f"choose_workspace_{source}")
    _warn_of_replacing(name)
    st.checkbox(_further(), True, key="choose_further")
    st.button(
        t("Import"),
        icon=":material/download:",
        key="choose-build",
        disabled=busy or not name or not (source or path),
        on_click=_build_choice,
    )


def _build_choice() -> None:
    chosen = st.session_state
    source = str(chosen["choose_source"])
    name = str(chosen[f"choose_workspace_{source}"]).strip()
    further = state.settings() if chosen["choose_further"] else None
    limit = None if source in SAMPLES else int(chosen["choose_size"])
    chunking = DEFAULT_CHUNKING if source in SAMPLES else _chunking(_CHOOSE)
    source = source or str(chosen["choose_path"]).strip()
    label = message("Building {name}", name=name)
    state.start_job(name, label, pipeline.prepare, source=source, size=limit, further=further, chunking=chunking)
