"""What the pages share: the models and jobs of this process, and the choices of this session.

Models, jobs and opened methods are global (``st.cache_resource``) and guarded by ``Models.lock``; what one person has
chosen or asked lives in ``st.session_state``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from app import queue_notice
from app.job_process import ProcessWork, Task
from core import removal
from core.corpus import store as corpus_store
from core.corpus.types import Corpus
from core.errors import TesseraError
from core.jobs import Job, JobBoard, JobState, Work
from core.kvcache.lru import ResidentStats
from core.memory.model import Memory
from core.methods.cag_cell import CagCell
from core.methods.comparison import OpenMethods
from core.methods.from_blocks import FromBlocks
from core.models.registry import Models
from core.settings import Settings
from core.workspace import Workspace, list_workspaces, named_workspace, open_workspace

SAMPLE = "sample"
WORKSPACE_KEY = "workspace"
WATCHED = "job_watched"
"""Id of the job whose end this session waits for."""
_REFUSED = "job_refused"
PAGE = "page_name"
_NEXT = "next_workspace"  # a widget's value cannot be set once it is drawn: the picker takes it over in the next run
_LOADED = ("model", "encoder", "embed_url", "embed_model", "embed_key")
"""Settings with which models are loaded: another value loads them anew."""
_BEGUN = "begun_workspaces"


@st.cache_resource(show_spinner=False)
def _chosen() -> dict[str, Settings]:
    return {"now": Settings.from_environment()}


def settings() -> Settings:
    """The settings of this process: those of the environment, with the models that were chosen since."""
    return _chosen()["now"]


def choose(chosen: Settings) -> None:
    """Takes another language model or encoder, for all sessions of this process and until it ends.

    Raises:
        TesseraError: Something is being built with the one there is.
    """
    if is_building():
        raise TesseraError("Something is being built with the present model.", "Wait for it to end, or cancel it.")
    with models().lock:
        open_methods().close()
        if any(getattr(chosen, name) != getattr(settings(), name) for name in _LOADED):
            models.clear()
            _memory.clear()
        _chosen()["now"] = chosen


@st.cache_resource(show_spinner=False)
def models() -> Models:
    """The models of this process; each is loaded when it is first asked for, and pages wait for them in a queue."""
    loaded = Models(settings())
    loaded.lock.attend = queue_notice.attend
    return loaded


@st.cache_resource(show_spinner=False)
def board() -> JobBoard:
    """The jobs of this process, shared by all sessions: a reload finds its job again."""
    return JobBoard()


def workspace_names() -> list[str]:
    """The sample, every workspace that holds a corpus, and those that are being built for this session."""
    parent = settings().workspaces
    linked = st.query_params.get(WORKSPACE_KEY, "")
    begun = [*st.session_state.get(_BEGUN, ()), *([linked] if _is_being_built(linked) else [])]
    return [SAMPLE, *sorted({*list_workspaces(parent), *begun} - {SAMPLE})]


def current_workspace() -> Workspace:
    """The workspace this session looks at: from the picker, else from the link, else the sample."""
    names = workspace_names()
    name = st.session_state.get(WORKSPACE_KEY) or st.query_params.get(WORKSPACE_KEY)
    return open_workspace(name if name in names else SAMPLE, settings().workspaces)


def apply_chosen_workspace() -> None:
    """Call before the picker is drawn: takes over a choice made elsewhere, or the one in the link."""
    chosen = st.session_state.pop(_NEXT, None)
    if chosen is None and WORKSPACE_KEY not in st.session_state:
        chosen = st.query_params.get(WORKSPACE_KEY)
    if chosen in workspace_names():
        st.session_state[WORKSPACE_KEY] = chosen


@st.cache_resource(show_spinner=False, max_entries=4)
def _corpus(path: str, written: str) -> Corpus:
    return corpus_store.load(Path(path))


def corpus_of(ws: Workspace) -> Corpus:
    """The corpus of a workspace; read once for all sessions, until it changes.

    Raises:
        ArtefactMissing: It is not built yet.
        ArtefactStale: Its files are damaged.
    """
    manifest = ws.manifest("corpus")
    # Generated questions are written anew under the same fingerprint.
    written = f"{manifest.fingerprint} {manifest.created}" if manifest else ""
    corpus: Corpus = _corpus(str(ws.require("corpus")), written)
    return corpus


@st.cache_resource(show_spinner=False, max_entries=1)
def _memory(path: str, fingerprint: str, _models: Models) -> Memory:
    return Memory.load(Path(path), _models.language_model(_models.variant.plain))


def memory_of(ws: Workspace) -> Memory:
    """The memory of a workspace, open; call it under ``models().lock``.

    Raises:
        ArtefactMissing: It is not built yet.
        ArtefactStale: It was trained on another corpus or another model.
    """
    memory: Memory = _memory(str(ws.require("memory")), ws.fingerprint("memory"), models())
    return memory


def start_job(name: str, label: str, make: Callable[..., Work], /, **given: Any) -> None:
    """Starts a build in a process of its own and makes its workspace the current one.

    A refusal (another build is running, the name is no name) is kept and shown by the job panel.

    Args:
        name: Name of the workspace.
        label: What is built, in words.
        make: Returns the builder's generator; see ``Task.make``.
        given: Its further arguments; with ``settings``, other ones than those of this process.
    """
    _start_process(name, label, make, given, timed=False)


def start_timed_job(name: str, label: str, make: Callable[..., Work], /, **given: Any) -> None:
    """Starts a job that measures how long answers take: it takes turns with the questions; see ``start_job``."""
    _start_process(name, label, make, given, timed=True)


def start_question(name: str, label: str, make: Callable[[Workspace], Work]) -> None:
    """Starts what answers one question several times.

    It works in this process: it takes less time than another one would need to load the models that are loaded here.
    """
    _start(name, lambda ws: Job(label, lambda: make(ws)))


def _start_process(name: str, label: str, make: Callable[..., Work], given: dict[str, Any], timed: bool) -> None:
    used, turns = given.pop("settings", settings()), models().lock

    def job(ws: Workspace) -> Job:
        work = ProcessWork(Task(ws.path, used, make, given, timed), turns)
        return Job(label, work.steps, work.cancel)

    _start(name, job)


def _start(name: str, make: Callable[[Workspace], Job]) -> None:
    st.session_state.pop(_REFUSED, None)
    with refusing():
        ws = named_workspace(name, settings().workspaces)  # no path: pages may be shown to others
        job = board().start(str(ws.path), make(ws))
        st.session_state[WATCHED] = id(job)  # also of a job that ends before the page is drawn again
        st.session_state[_BEGUN] = {*st.session_state.get(_BEGUN, ()), name}
        st.session_state[_NEXT] = name


@contextmanager
def refusing(key: str = _REFUSED) -> Iterator[None]:
    """Keeps why a button did nothing, since its callback cannot draw; see ``refusal``.

    Args:
        key: Where it is shown; by default the job panel, which says why a job was not started.
    """
    try:
        yield
    except TesseraError as error:
        st.session_state[key] = (error.what, error.remedy)


def refusal(key: str = _REFUSED) -> tuple[str, str] | None:
    """What went wrong when a button was pressed, and what to do: once."""
    refused: tuple[str, str] | None = st.session_state.pop(key, None)
    return refused


def assign(key: str, value: object) -> None:
    """Sets a value of this session, for buttons that do nothing else."""
    st.session_state[key] = value


def delete_workspace(ws: Workspace) -> None:
    """Deletes a workspace with all that it keeps elsewhere, and turns to the sample.

    Raises:
        TesseraError: It is being built, or a server that holds some of it cannot be reached.
    """
    with models().lock:
        open_methods().close()  # they hold files of it
        removal.delete_workspace(ws)
    st.session_state[_BEGUN] = set(st.session_state.get(_BEGUN, ())) - {ws.name}
    st.session_state[_NEXT] = SAMPLE


def rename_workspace(ws: Workspace, name: str) -> None:
    """Gives a workspace another name and turns to it.

    Raises:
        TesseraError: It is being built, or the name is invalid or taken.
    """
    with models().lock:
        open_methods().close()  # they hold files of it
        renamed = removal.rename_workspace(ws, name)
    st.session_state[_BEGUN] = set(st.session_state.get(_BEGUN, ())) - {ws.name}
    st.session_state[_NEXT] = renamed.name


def job_is_running(ws: Workspace) -> bool:
    """Whether this process is building in the workspace."""
    job = board().latest(str(ws.path))
    return job is not None and job.report().state is JobState.RUNNING


def is_building() -> bool:
    """Whether this process builds anything in any workspace: times measured meanwhile are disturbed."""
    return any(job_is_running(open_workspace(name, settings().workspaces)) for name in workspace_names())


@st.cache_resource(show_spinner=False)
def open_methods() -> OpenMethods:
    """The methods that are open, shared by all sessions and guarded by ``models().lock``."""
    return OpenMethods()


def residencies(ws: Workspace) -> list[ResidentStats]:
    """Statistics of blocks and caches in memory, for each method of the open workspace."""
    return [method.residency() for method in open_methods().opened(ws.path) if isinstance(method, FromBlocks | CagCell)]


def _is_being_built(name: str) -> bool:
    try:
        return bool(name) and job_is_running(named_workspace(name, settings().workspaces))
    except TesseraError:
        return False
