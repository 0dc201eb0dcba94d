"""The choice of the models: a preset, what is on this disk, a folder or hub id, or a server of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st
from pydantic import SecretStr

from app import state
from app.i18n import labels, t
from app.views.shared.frame import guarded, show_error
from app.views.shared.text import escape
from core.errors import TesseraError
from core.kvcache.variants import BLOCKS, list_variants
from core.models.download import on_disk
from core.models.presets import LANGUAGE_MODELS
from core.models.probe import ServerProbe, named, probe
from core.models.server import Server
from core.settings import Settings
from core.workspace import Workspace

_WHERE, _MODEL, _URL, _NAME, _KEY, _TESTED = (
    f"engine_{name}" for name in ("where", "model", "url", "name", "key", "tested")
)


def model_picker(ws: Workspace) -> None:
    """The form; what it changes holds for this process, and a note says how to keep it."""
    with st.expander(t("Change the language model"), icon=":material/neurology:"):
        settings = state.settings()
        refused = t("Others may use this app, so the model is chosen where it is started: TESSERA_ENGINE_URL.")
        where = where_it_runs(settings, bool(settings.engine_url), _WHERE, refused)
        if where:
            _server(settings) if where == "server" else _here(ws, settings)


def where_it_runs(settings: Settings, on_server: bool, key: str, refused: str) -> str | None:
    """Where a model is to run, "here" or "server"; None, with the reason shown, where others may use the app.

    A stranger must neither send this machine to addresses of its own network nor have it fetch what he names.

    Args:
        on_server: Where it runs now.
        key: Of the control.
        refused: What strangers are told.
    """
    if settings.allowed_hosts:
        st.caption(refused)
        return None
    return st.segmented_control(
        t("It runs"),
        ("here", "server"),
        default="server" if on_server else "here",
        required=True,
        format_func=labels({"here": "in this process", "server": "on a server"}),
        key=key,
    )


def _here(ws: Workspace, settings: Settings) -> None:
    names = list(dict.fromkeys([settings.model, *(p.name for p in LANGUAGE_MODELS), *on_disk(settings.home)]))
    chosen = st.selectbox(
        t("Model"),
        names,
        key=_MODEL,
        accept_new_options=True,
        help=t("A preset, one on this disk, a folder, or an id of the Hugging Face hub, such as Qwen/Qwen3-0.6B."),
    )
    st.caption(_consequences(ws, str(chosen)))
    same = chosen == settings.model and not settings.engine_url
    with_model = replace(settings, model=str(chosen), engine_url="")
    st.button(t("Use this model"), key="engine-here", disabled=same, on_click=use, args=(with_model,))
    keep_lines(f"TESSERA_MODEL={chosen}")


def _consequences(ws: Workspace, model: str) -> str:
    """What another model here makes necessary."""
    manifests = [variant.manifest for variant in list_variants(ws, BLOCKS)]
    has_blocks = any(manifest and manifest.params.get("model") == model for manifest in manifests)
    memory = ws.manifest("memory")
    remembered = memory is not None and memory.params.get("model") == model
    blocks = t("Its blocks are built.") if has_blocks else t("Blocks have to be built for it.")
    learned = t("The memory was trained on it.") if remembered else t("A memory has to be trained on it.")
    return f"{t('Documents, index and cells stay as they are.')} {blocks} {learned}"


def _server(settings: Settings) -> None:
    left, right = st.columns(2)
    url = left.text_input(t("Address"), settings.engine_url, key=_URL, placeholder="http://127.0.0.1:8080/v1")
    model = right.text_input(
        t("Model"), settings.engine_model, key=_NAME, help=t("A server that has a single model needs no name.")
    )
    typed = st.text_input(t("Key"), key=_KEY, type="password", help=t("Only where the server asks for one."))
    st.caption(
        t(
            "Questions and passages go to that server. All methods answer there but RAG + blocks and Memory + blocks; "
            "CAG becomes prefix caching: the server reads every cell once, and nothing else has to be built again. "
            "Memory routes with the model here and answers there."
        )
    )
    # The environment's key belongs to the environment's address alone.
    key = SecretStr(typed) if typed or url != settings.engine_url else settings.engine_key
    if st.button(t("Test connection"), icon=":material/network_check:", key="engine-test", disabled=not url.strip()):
        st.session_state.pop(_TESTED, None)
        with guarded(), st.spinner(t("Asking the server")):
            server = named(url.strip(), model, settings.engine_timeout, key)
            st.session_state[_TESTED] = (server, probe(server))
    tested: tuple[Server, ServerProbe] | None = st.session_state.get(_TESTED)
    if tested and (tested[0].url, tested[0].key) == (url.strip(), key) and model.strip() in ("", tested[0].model):
        _show_probe(settings, *tested)


def _show_probe(settings: Settings, server: Server, probed: ServerProbe) -> None:
    """What the test found, and the button that uses the server."""
    context = t("{n:,} tokens", n=probed.context) if probed.context else t("not reported")
    st.success(
        "  \n".join(
            (
                f"**{escape(probed.server)}**",
                t("Context: {context}", context=context),
                t("Prefixes: {prefixes}", prefixes=t(probed.prefixes)),
                t("Round trip: {ms:,.0f} ms", ms=probed.round_trip_ms),
            )
        ),
        icon=":material/check_circle:",
    )
    with_server = replace(settings, engine_url=server.url, engine_model=server.model, engine_key=server.key)
    in_use = with_server == settings
    label = t("In use") if in_use else t("Use this server")
    st.button(label, type="primary", key="engine-use", disabled=in_use, on_click=use, args=(with_server,))
    keep_lines(f"TESSERA_ENGINE_URL={server.address}\nTESSERA_ENGINE_MODEL={server.model}")


def keep_lines(lines: str, key: str = "TESSERA_ENGINE_KEY") -> None:
    """What to put into the file .env to have a server again after a restart."""
    st.caption(t("To have it again after a restart, put this into the file .env; a key goes there as {key}:", key=key))
    st.code(lines, language=None)


def use(changed: Settings, then: Callable[[], object] = lambda: None) -> None:
    """Chooses settings for this process and goes on, or shows why they cannot be chosen."""
    try:
        state.choose(changed)
    except TesseraError as error:
        show_error(error)
    else:
        then()
