"""A button that hands out a file."""

from __future__ import annotations

from collections.abc import Callable
from mimetypes import guess_type

import streamlit as st


def download(label: str, content: str | Callable[[], str], name: str, key: str, help: str | None = None) -> None:
    """Hands out a text as a file, of the kind that its name ends with.

    Args:
        content: The text, or what makes it once it is asked for.
    """
    icon = ":material/download:"
    st.download_button(label, content, name, guess_type(name)[0], key=key, help=help, icon=icon, on_click="ignore")
