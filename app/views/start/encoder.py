"""The choice of the encoder, and the passages of a workspace embedded anew with it."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.frame import show_error
from core import pipeline
from core.errors import TesseraError
from core.messages import message
from core.models.presets import ENCODERS, MULTILINGUAL_E5
from core.workspace import Workspace

_ENCODER = "chosen_encoder"


def encoder_picker(ws: Workspace, busy: bool) -> None:
    """The form; what it changes holds for this process, and a note says how to keep it.

    Args:
        ws: The current workspace, whose passages are embedded anew.
        busy: Something is being built.
    """
    with st.expander(t("Change the encoder"), icon=":material/translate:"):
        settings = state.settings()
        if settings.allowed_hosts:
            # A stranger must not have this machine fetch what he names.
            st.caption(t("Others may use this app, so the encoder is chosen where it is started: TESSERA_ENCODER."))
            return
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
        has_corpus = ws.state("corpus").status == "ready"
        label = t("Use it and embed {name} anew", name=ws.name) if has_corpus else t("Use this encoder")
        manifest = ws.manifest("embeddings")
        same = chosen == settings.encoder and (not has_corpus or (manifest and manifest.params["encoder"] == chosen))
        st.button(label, key="encoder-use", disabled=busy or bool(same), on_click=_use, args=(ws, chosen, has_corpus))
        st.caption(t("To have it again after a restart, put this into the file .env:"))
        st.code(f"TESSERA_ENCODER={chosen}", language=None)


def _use(ws: Workspace, encoder: str, embed: bool) -> None:
    try:
        state.choose(replace(state.settings(), encoder=encoder))
    except TesseraError as error:
        show_error(error)
        return
    if embed:
        models, settings = state.models(), state.settings()
        state.start_job(
            ws.name,
            message("Embedding {name} anew", name=ws.name),
            lambda ws: pipeline.embed_anew(ws, models, settings),
        )
