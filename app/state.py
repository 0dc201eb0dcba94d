"""What the pages share: the models and jobs of this process, and the choices of this session.

Models, jobs and opened methods are global (``st.cache_resource``) and guarded by ``Models.lock``; what one person has
chosen or asked lives in ``st.session_state``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

import streamlit as st

from app import waiting
from core.corpus import store as corpus_store
from core.corpus.types import Corpus
from core.errors import TesseraError
from core.jobs import JobBoard, JobState, Work
from core.kvcache.resident import ResidentStats
from core.memory.model import Memory
from core.methods.base import Method
from core.methods.cag import Cag
from core.models.bundle import Models
from core.said import said
from core.settings import Settings
from core.workspace import Workspace, list_workspaces, open_workspace

SAMPLE = "sample"
WORKSPACE_KEY = "workspace"
REFUSED = "job_refused"
PAGE = "page_name"
_NEXT = "next_workspace"  # a widget's value cannot be set once it is drawn: the picker takes it over in the next run
_BEGUN = "begun_workspaces"
_OPEN_METHODS = 12


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings of this process."""
    return Settings.from_environment()


@st.cache_resource(show_spinner=False)
def models() -> Models:
    """The models of this process; each is loaded when it is first asked for, and pages wait for them in a queue."""
    found = Models(settings())
    found.lock.attend = waiting.attend
    return found


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
    wanted = st.session_state.get(WORKSPACE_KEY) or st.query_params.get(WORKSPACE_KEY)
    return open_workspace(wanted if wanted in names else SAMPLE, settings().workspaces)


def apply_chosen_workspace() -> None:
    """Call before the picker is drawn: takes over a choice made elsewhere, or the one in the link."""
    chosen = st.session_state.pop(_NEXT, None)
    if chosen is None and WORKSPACE_KEY not in st.session_state:
        chosen = st.query_params.get(WORKSPACE_KEY)
    if chosen in workspace_names():
        st.session_state[WORKSPACE_KEY] = chosen


def named_workspace(name: str) -> Workspace:
    """The workspace of a name that a person typed; a path is refused, since pages may be shown to others.

    Raises:
        TesseraError: It is no name.
    """
    if not name.isprintable() or set(name) & set("/\\") or name.startswith("."):
        raise TesseraError(said("{name!r} is no name for a workspace.", name=name), "Use letters, digits, '-' and '_'.")
    return open_workspace(name, settings().workspaces)


@st.cache_resource(show_spinner=False, max_entries=4)
def _corpus(path: str, fingerprint: str) -> Corpus:
    return corpus_store.load(Path(path))


def corpus_of(ws: Workspace) -> Corpus:
    """The corpus of a workspace; read once for all sessions, until it changes.

    Raises:
        ArtefactMissing: There is none yet.
        ArtefactStale: Its files are damaged.
    """
    corpus: Corpus = _corpus(str(ws.require("corpus")), ws.fingerprint("corpus"))
    return corpus


@st.cache_resource(show_spinner=False, max_entries=1)
def _memory(path: str, fingerprint: str, _models: Models) -> Memory:
    return Memory.load(Path(path), _models.language_model(reader=False))


def memory_of(ws: Workspace) -> Memory:
    """The memory of a workspace, open; call it under ``models().lock``.

    Raises:
        ArtefactMissing: There is none yet.
        ArtefactStale: It was trained on another corpus or another model.
    """
    memory: Memory = _memory(str(ws.require("memory")), ws.fingerprint("memory"), models())
    return memory


def start_job(name: str, label: str, make: Callable[[Workspace], Work]) -> None:
    """Starts a build in the background and makes its workspace the current one.

    A refusal (another build is running, the name is no name) is kept and shown by the job panel.

    Args:
        name: Name of the workspace.
        label: What is built, in words.
        make: Returns the builder's generator.
    """
    st.session_state.pop(REFUSED, None)
    try:
        ws = named_workspace(name)
        board().start(str(ws.path), label, lambda: make(ws))
    except TesseraError as error:
        st.session_state[REFUSED] = (error.what, error.remedy)
        return
    st.session_state[_BEGUN] = {*st.session_state.get(_BEGUN, ()), name}
    st.session_state[_NEXT] = name


def job_is_running(ws: Workspace) -> bool:
    """Whether this process is building in the workspace."""
    job = board().latest(str(ws.path))
    return job is not None and job.report().state is JobState.RUNNING


def is_building() -> bool:
    """Whether this process builds anything in any workspace: times measured meanwhile are disturbed."""
    return any(job_is_running(open_workspace(name, settings().workspaces)) for name in workspace_names())


@st.cache_resource(show_spinner=False, max_entries=_OPEN_METHODS)
def _opened(key: tuple[str, ...], _open: Callable[[], Method]) -> Method:
    return _open()


def opened(key: tuple[str, ...], open_it: Callable[[], Method]) -> Method:
    """A method that stays open between questions.

    Args:
        key: Everything that, when it changes, calls for opening it anew; first the path of its workspace.
        open_it: Opens it.
    """
    method: Method = _opened(key, open_it)
    _open_methods()[key] = method
    return method


@st.cache_resource(show_spinner=False)
def _open_methods() -> WeakValueDictionary[tuple[str, ...], Method]:
    """The methods that are open, by key; one that is closed disappears."""
    return WeakValueDictionary()


def residencies(ws: Workspace) -> list[ResidentStats]:
    """What the KV caches in memory have done, for each method of the workspace that is open."""
    found = [method for key, method in _open_methods().items() if key[0] == str(ws.path)]
    return [method.residency() for method in found if isinstance(method, Cag)]


def _is_being_built(name: str) -> bool:
    try:
        return bool(name) and job_is_running(named_workspace(name))
    except TesseraError:
        return False
