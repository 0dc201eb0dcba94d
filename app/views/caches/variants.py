"""Blocks and caches of a workspace by model and precision: choose what to look at, what to build, what to delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import state
from app.i18n import duration, labels, t, tn
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.kvcache.lru import ResidentStats
from core.kvcache.variants import BLOCKS, WHOLE_CELLS, Variant, delete_variant, find_variant, model_params
from core.models.variant import reader_for
from core.settings import CACHE_PRECISIONS, Settings
from core.units import size
from core.workspace import Workspace

KIND, SHOWN, READER, PRECISION = "caches_kind", "caches_shown", "caches_reader", "caches_precision"
_READERS = ("with reader", "plain")


def choose_kind() -> str:
    """Blocks of single passages, which CAG joins, or caches of whole cells."""
    chosen = st.segmented_control(
        t("Kept of every"),
        (BLOCKS, WHOLE_CELLS),
        default=BLOCKS,
        required=True,
        format_func=labels({BLOCKS: "passage: blocks", WHOLE_CELLS: "whole cell: exact caches"}),
        key=KIND,
        help=t(
            "CAG looks into the nearest cells and joins the blocks of their best passages. A cache of a whole cell "
            "stands for its text exactly, brings along all of one cell, and is read by CAG (whole cell)."
        ),
    )
    return chosen or BLOCKS


def counted(kind: str, count: int) -> str:
    """A number of blocks or caches, in words."""
    if kind == BLOCKS:
        return tn(count, "{n:,} block", "{n:,} blocks")
    return tn(count, "{n:,} cache", "{n:,} caches")


def choose_variant(variants: Sequence[Variant]) -> Variant | None:
    """Which caches the page is about: the newest, unless another one is picked."""
    if len(variants) < 2:
        return variants[0] if variants else None
    by_name = {variant.name: variant for variant in variants}
    chosen = st.selectbox(
        t("Caches of"),
        list(by_name),
        format_func=labels({name: describe(variant) for name, variant in by_name.items()}),
        key=SHOWN,
        help=t("Caches of several models and precisions stand beside each other: switching makes none of them stale."),
    )
    return by_name.get(chosen, variants[0])


def describe(variant: Variant) -> str:
    """A variant in a few words."""
    described = _model_of(variant)
    if variant.manifest and variant.reason:
        return t("{caches} (out of date)", caches=described)
    return described


def _model_of(variant: Variant) -> str:
    if variant.manifest is None:
        return t("{folder} (not complete)", folder=variant.name)
    params = variant.manifest.params
    model, dtype = params.get("model", variant.name), params.get("dtype", "")
    described = (
        t("{model} with reader, {dtype}", model=model, dtype=dtype)
        if params.get("reader")
        else t("{model} plain, {dtype}", model=model, dtype=dtype)
    )
    if params.get("native", True):
        return described
    return t("{caches}, kept in {precision}", caches=described, precision=params["precision"])


def wanted_variant(variants: Sequence[Variant]) -> tuple[Settings, Variant | None]:
    """The form: which caches to build. Returns the settings to build with, and the caches if they are finished."""
    settings = state.settings()
    left, right = st.columns(2)
    reader = settings.reader
    if reader_for(settings.model):
        plain = left.segmented_control(
            t("For the model"),
            _READERS,
            default="with reader" if settings.reader else "plain",
            required=True,
            format_func=labels({name: name for name in _READERS}),
            key=READER,
            help=t("The switch on the Compare page asks for the one or the other: each has caches of its own."),
        )
        reader = plain != "plain"
    precision = right.selectbox(
        t("Kept in"),
        CACHE_PRECISIONS,
        index=CACHE_PRECISIONS.index(settings.cache_precision),
        key=PRECISION,
        format_func=labels({"auto": "the model's own number format"}),
        help=t(
            "Fewer bits take less disk and change answers a little: `python -m app precision` measures both. Answers "
            "are read from caches kept in '{precision}': TESSERA_CACHE_PRECISION says so.",
            precision=settings.cache_precision,
        ),
    )
    chosen = replace(settings, reader=reader, cache_precision=str(precision))
    return chosen, find_variant(variants, model_params(chosen), chosen.cache_precision)


def variant_table(ws: Workspace, variants: Sequence[Variant], busy: bool, kind: str) -> None:
    """All blocks or caches of the workspace, what they weigh, and a button that deletes them."""
    rows = [
        {
            "model": _model_of(variant),
            "state": t("✓ ready") if not variant.reason else f"○ {t(variant.reason)}",
            "size": size(variant.bytes),
            "built in": duration(variant.manifest.build_s) if variant.manifest else "–",
            "kept at": variant.location or t("in the workspace"),
            "folder": variant.name,
        }
        for variant in variants
    ]
    show_table(
        rows,
        "variants",
        {
            "model": t("Model"),
            "state": t("State"),
            "size": t("Size"),
            "built in": t("Built in"),
            "kept at": t("Kept at"),
            "folder": st.column_config.TextColumn(t("Folder"), width=240),
        },
    )
    with st.popover(t("Delete caches"), icon=":material/delete:", disabled=busy):
        doomed = st.selectbox(t("Which"), [variant.name for variant in variants], key="caches_doomed")
        weight = next((variant.bytes for variant in variants if variant.name == doomed), 0)
        st.caption(t("Frees {size}. Answers that need them are refused until they are built again.", size=size(weight)))
        st.button(
            t("Delete"), key="cache-delete", type="primary", disabled=busy, on_click=_delete, args=(ws, doomed, kind)
        )


def _delete(ws: Workspace, name: str, kind: str) -> None:
    with state.refusing():
        delete_variant(ws, name, kind)


def residency_line(ws: Workspace, variant: Variant) -> str:
    """What is in memory of these blocks or caches, in one sentence."""
    residencies = _residencies(ws, variant)
    if not residencies:
        return t("No method has these open: ask something on the Compare page, and what it reads is shown here.")
    in_memory = sum(stats.bytes for stats in residencies)
    return t(
        "In memory now: **{what}**, {held} of {budget} allowed. Since they were opened: {hits}, {misses:,} read from "
        "{storage}, {evictions}.",
        what=counted(variant.kind, sum(len(stats.cells) for stats in residencies)),
        held=size(in_memory),
        budget=size(residencies[0].budget),
        hits=tn(sum(stats.hits for stats in residencies), "{n:,} hit", "{n:,} hits"),
        misses=sum(stats.misses for stats in residencies),
        storage=escape(variant.location) or t("disk"),
        evictions=tn(sum(stats.evictions for stats in residencies), "{n:,} eviction", "{n:,} evictions"),
    )


def _residencies(ws: Workspace, variant: Variant) -> list[ResidentStats]:
    location = variant.store().location
    return [stats for stats in state.residencies(ws) if stats.location == location]
