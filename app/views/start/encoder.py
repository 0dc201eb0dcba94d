"""The choice of the encoder, and the passages of a workspace embedded anew with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import streamlit as st
from pydantic import SecretStr

from app import state
from app.i18n import t
from app.views.shared.frame import guarded
from app.views.shared.text import escape
from app.views.start.model import keep_lines, use, where_it_runs
from core import pipeline
from core.messages import message
from core.models.presets import ENCODERS, MULTILINGUAL_E5
from core.models.server import Server
from core.models.server_encoder import EmbedderProbe, probe_embedder
from core.settings import Settings
from core.workspace import Workspace

_ENCODER = "chosen_encoder"
_WHERE, _URL, _NAME, _KEY, _TESTED = (f"embed_{name}" for name in ("where", "url", "name", "key", "tested"))


def encoder_picker(ws: Workspace, busy: bool) -> None:
    """The form; what it changes holds for this process, and a note says how to keep it.

    Args:
        ws: The current workspace, whose passages are embedded anew.
    """
    with st.expander(t("Change the encoder"), icon=":material/translate:"):
        settings = state.settings()
        refused = t("Others may use this app, so the encoder is chosen where it is started: TESSERA_ENCODER.")
        where = where_it_runs(settings, bool(settings.embed_url), _WHERE, refused)
        if where:
            _server(ws, settings, busy) if where == "server" else _here(ws, settings, busy)


def _here(ws: Workspace, settings: Settings, busy: bool) -> None:
    names = list(dict.fromkeys([settings.encoder, *(preset.name for preset in ENCODERS)]))
    chosen = str(
        st.selectbox(
            t("Encoder"),
            names,
            key=_ENCODER,
            accept_new_options=True,
            help=t("A preset, a folder, or an id of the Hugging Face hub."),
        )
    )
    st.caption(
        t(
            "{name} knows about 100 languages, Korean among them, and is fetched once. Every workspace keeps the "
            "vectors of the encoder it was built with: search index and cells are built anew for another one.",
            name=MULTILINGUAL_E5.name,
        )
    )
    has_corpus = _has_corpus(ws)
    manifest = ws.manifest("embeddings")
    current = chosen == settings.encoder and not settings.embed_url
    same = current and (not has_corpus or (manifest and manifest.params["encoder"] == chosen))
    with_encoder = replace(settings, encoder=chosen, embed_url="", embed_model="", embed_key=SecretStr(""))
    _use_button(ws, with_encoder, "encoder-use", busy or bool(same))
    st.caption(t("To have it again after a restart, put this into the file .env:"))
    st.code(f"TESSERA_ENCODER={chosen}", language=None)


def _server(ws: Workspace, settings: Settings, busy: bool) -> None:
    left, right = st.columns(2)
    url = left.text_input(t("Address"), settings.embed_url, key=_URL, placeholder="http://127.0.0.1:8080/v1")
    model = right.text_input(t("Model"), settings.embed_model, key=_NAME)
    typed = st.text_input(t("Key"), key=_KEY, type="password", help=t("Only where the server asks for one."))
    st.caption(t("The OpenAI embeddings protocol: passages and questions go to that server, to be embedded there."))
    key = SecretStr(typed) if typed or url != settings.embed_url else settings.embed_key
    blank = not (url.strip() and model.strip())
    if st.button(t("Test connection"), icon=":material/network_check:", key="embed-test", disabled=blank):
        st.session_state.pop(_TESTED, None)
        with guarded(), st.spinner(t("Asking the server")):
            server = Server(url.strip(), model.strip(), settings.engine_timeout, key, "TESSERA_EMBED")
            st.session_state[_TESTED] = (server, probe_embedder(server))
    tested: tuple[Server, EmbedderProbe] | None = st.session_state.get(_TESTED)
    if not tested or (tested[0].url, tested[0].model, tested[0].key) != (url.strip(), model.strip(), key):
        return
    server, probed = tested
    facts = t(
        "{dim:,} dimensions, {tokens:,} tokens at most, {ms:,.0f} ms for a sentence",
        dim=probed.dim,
        tokens=probed.max_tokens,
        ms=probed.round_trip_ms,
    )
    alike = t(
        "Similarity {near:.2f} for two sentences about one thing, {far:.2f} about two things",
        near=probed.near,
        far=probed.far,
    )
    st.success(f"**{escape(probed.server)}**  \n{facts}  \n{alike}", icon=":material/check_circle:")
    with_server = replace(settings, embed_url=server.url, embed_model=server.model, embed_key=server.key)
    _use_button(ws, with_server, "embed-use", busy, kind="primary")
    keep_lines(f"TESSERA_EMBED_URL={server.address}\nTESSERA_EMBED_MODEL={server.model}", "TESSERA_EMBED_KEY")


def _has_corpus(ws: Workspace) -> bool:
    return ws.state("corpus").status == "ready"


def _use_button(
    ws: Workspace, changed: Settings, key: str, disabled: bool, kind: Literal["primary", "secondary"] = "secondary"
) -> None:
    embed = _has_corpus(ws)
    label = t("Use it and embed {name} anew", name=ws.name) if embed else t("Use this encoder")
    st.button(label, type=kind, key=key, disabled=disabled, on_click=_use, args=(ws, changed, embed))


def _use(ws: Workspace, changed: Settings, embed: bool) -> None:
    name = message("Embedding {name} anew", name=ws.name)
    use(changed, lambda: state.start_job(ws.name, name, pipeline.embed_anew) if embed else None)
