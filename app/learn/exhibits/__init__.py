"""Exhibits of the tour: objects that are manipulated in the browser and answer at once, from recorded measurements.

Each is a script beside this file, written after ``common.js``; Python sends its data and words once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from app.i18n import saved, t
from app.learn.recorded import recorded
from app.views.shared.text import escape

_HERE = Path(__file__).parent
_COMMON = (_HERE / "common.js").read_text(encoding="utf-8")
_CSS = (_HERE / "exhibits.css").read_text(encoding="utf-8")
_EXHIBITS = {
    path.stem: st.components.v2.component(
        f"tessera_{path.stem}", css=_CSS, js=f"{_COMMON}\n{path.read_text(encoding='utf-8')}"
    )
    for path in sorted(_HERE.glob("*.js"))
    if path.stem != "common"
}


def exhibit(name: str, data: Mapping[str, Any], words: Mapping[str, Any]) -> None:
    """Draws an exhibit.

    Args:
        data: Plain values; the component sets every text as text.
        words: What it says, in this session's language.
    """
    with st.container(border=True, key=f"exhibit-{name}"):
        _EXHIBITS[name](key=f"show-{name}", data={**data, "words": dict(words)})


def measured_line(part: str) -> None:
    """Whose numbers an exhibit shows: with which model, when and on which machine.

    Args:
        part: Of the record.
    """
    measured = recorded(part)["measured"]
    machine, model = measured["machine"], measured["model"]
    facts = (measured["created"], machine["processor"], saved(machine["device"]), model["name"], model["dtype"])
    note = t(
        "Recorded from the real model and the sample; ships with Tessera. {facts}.", facts=escape(" · ".join(facts))
    )
    st.caption(f":material/inventory_2: {note}")
