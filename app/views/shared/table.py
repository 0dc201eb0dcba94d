"""Tables as pages draw them, and the switch between the views of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from app.i18n import labels, t


def show_table(rows: Any, key: str, columns: Mapping[str, Any] | None = None, **options: Any) -> None:
    """Rows, or columns of values, as a table.

    Args:
        columns: By the name of a column its label, its label and number format, or its configuration.
        options: Further ones of ``st.dataframe``.
    """
    number = st.column_config.NumberColumn
    config = {
        name: number(column[0], format=column[1]) if isinstance(column, tuple) else column
        for name, column in (columns or {}).items()
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, key=key, column_config=config, **options)


def choose_view(label: str, icons: Mapping[str, str], key: str, **options: Any) -> str:
    """The chosen one of the views of a page, each with its Material symbol."""
    chosen = st.segmented_control(
        label,
        list(icons),
        required=True,
        format_func=labels({name: f":material/{icon}: {t(name)}" for name, icon in icons.items()}),
        key=key,
        label_visibility="collapsed",
        **options,
    )
    return str(chosen)
