"""Measured runs of the sample that ship with Tessera, for pages on which nothing has been measured here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar

import streamlit as st
from pydantic import TypeAdapter

from app.i18n import t
from app.views.shared.text import escape
from core.labs.plan.coefficients import Coefficients
from core.settings import ROOT

RUNS = ROOT / "docs" / "runs"
Kind = TypeVar("Kind")


@cache
def shipped(name: str) -> dict[str, Any]:
    """A run as its command printed it; ``docs/runs/index.json`` and ``pages.json`` have the commands."""
    run: dict[str, Any] = json.loads((RUNS / f"{name}.json").read_text(encoding="utf-8"))
    return run


def shipped_as(kind: type[Kind], name: str) -> Kind:
    """The same as what the command had before it printed it."""
    return TypeAdapter(kind).validate_python(shipped(name))


def shipped_coefficients() -> Coefficients:
    """What a plan reckons with where nothing was measured here."""
    return TypeAdapter(Coefficients).validate_python(shipped("plan")["coefficients"])


def shipped_line(facts: Iterable[object], key: str = "", measure: Callable[[], None] | None = None) -> None:
    """Whose numbers these are, and the button that measures on this machine.

    Args:
        facts: Date, machine, model and the like.
        key: Of the button.
        measure: What it does; None where the page has another one beside it.
    """
    described = escape(" · ".join(str(fact) for fact in facts))
    with st.container(horizontal=True, vertical_alignment="center"):
        note = t("Not measured on this machine: this run ships with Tessera. {facts}.", facts=described)
        st.caption(f":material/inventory_2: {note}", width="content")
        if measure:
            st.button(t("Measure here"), icon=":material/play_arrow:", key=key, on_click=measure)
