"""Presentation mode: a page without its frame in large type, and the switch between light and dark.

Both happen in the browser alone (``present.js``): nothing is computed again, and no answer under way is stopped. Keys:
P presents, Space or a number reveals the methods one by one, Escape ends it, T changes the theme. On a narrow screen
the sidebar starts closed.
"""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

from app.i18n import t
from app.navigation import PAGES

_SCRIPT = Path(__file__).parent / "present.js"


def apply_present() -> None:
    """Call on every page: brings the keys."""
    st.html(present_script(), unsafe_allow_javascript=True)


def present_script() -> str:
    """What listens in the browser; nothing in it comes from a reader or a document."""
    paths = json.dumps(["/", *(f"/{name}" for name in PAGES)])
    return f"<script>(() => {{const PATHS = {paths};\n{_SCRIPT.read_text(encoding='utf-8')}}})()</script>"


def present_button() -> None:
    """Begins to present the page."""
    st.button(
        t("Present"),
        key="present",
        icon=":material/present_to_all:",
        help=t(
            "Large type without the frame (P). Space or 1, 2, 3 reveals the methods, Esc ends it, T: light or dark."
        ),
    )


def present_keys() -> None:
    """How one goes on and ends it, shown while the page is presented: plain buttons, which no script runs for."""
    buttons = {"present-next": t("Reveal the next (Space)"), "present-end": t("End (Esc)")}
    html = "".join(f'<button type="button" class="{name}">{words}</button>' for name, words in buttons.items())
    st.html(f'<div class="present-keys">{html}</div>')


def theme_switch() -> None:
    """Light or dark; the page is loaded anew in it, and what was answered is still there."""
    st.button("", key="theme", icon=":material/contrast:", type="tertiary", help=t("Light or dark (T)"))
