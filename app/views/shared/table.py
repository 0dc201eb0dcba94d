"""Tables as pages draw them, and the switch between the views of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from app.i18n import labels, t


def show_table(rows: Any, key: str, columns: Mapping[str, Any] | None = None, **options: Any) -> Any:
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
    return st.dataframe(pd.DataFrame(rows), hide_index=True, key=key, column_config=config, **options)


def choose_rows(rows: Any, key: str, columns: Mapping[str, Any], several: bool = False, **options: Any) -> list[int]:
    """A table in which rows can be chosen, see ``show_table``; returns the numbers of those that are."""
    table, mode = pd.DataFrame(rows), "multi-row" if several else "single-row"
    chosen = show_table(table, key, columns, on_select="rerun", selection_mode=mode, **options)
    return [row for row in chosen["selection"]["rows"] if row < len(table)] if chosen else []


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
