"""What a memory weighs beside other methods, and what each choice in it is worth."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.figures.memory import (
    SizeResult,
    VariantResult,
    ablation_figure,
    describe_ablation,
    describe_sizes,
    size_figure,
)
from app.figures.storage import StoredSize, describe_storage, storage_figure
from app.i18n import t, tn
from app.views.shared.chart import chart
from app.views.shared.shipped import shipped, shipped_line
from app.views.shared.table import show_table
from core import pipeline
from core.corpus.folder import PASSAGES_FILE
from core.labs.ablation import finished
from core.memory import store
from core.memory.presets import load_preset
from core.units import size
from core.workspace import Workspace


def weight(ws: Workspace) -> None:
    """The storage meter, and what the bytes of a document buy."""
    st.markdown(t("**What it weighs** beside the other methods on the same documents."))
    things = weighed(ws)
    chart(storage_figure(things), key="storage", alt=describe_storage(things))
    st.caption(
        t(
            "LoRA, projector and router are there once, however many documents there are; all else grows with them. "
            "{sizes}",
            sizes=" · ".join(f"{thing.name} {size(thing.bytes)}" for thing in things if thing.bytes),
        )
    )
    what_bytes_buy()


def what_bytes_buy() -> None:
    """What the bytes of a document buy, as measured on the sample."""
    run = shipped("ablation")
    sizes = [SizeResult.of(row) for row in run["variants"]]
    st.markdown(
        t("**What its bytes buy**, on the sample: the largest has a vector for nearly every word, fewer hold less.")
    )
    shipped_line((tn(run["variants"][0]["n_questions"], "{n:,} dev question", "{n:,} dev questions"),))
    chart(size_figure(sizes), key="sizes", alt=describe_sizes(sizes))


def weighed(ws: Workspace) -> list[StoredSize]:
    """Everything on disk by which a method knows the documents of the workspace."""
    memory = ws.folder("memory")
    return [
        StoredSize(t("Text of the passages"), _bytes(ws.folder("corpus") / PASSAGES_FILE)),
        StoredSize(t("Search index"), ws.state("index").bytes, "rag"),
        StoredSize("Z", _bytes(memory / store.POOL), "memory"),
        StoredSize(t("LoRA, projector, router"), _bytes(memory / store.LORA) + _bytes(memory / store.PARTS), "memory"),
        StoredSize(t("KV blocks of the passages"), ws.state("blocks").bytes, "cag"),
    ]


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def ablation_panel(ws: Workspace) -> None:
    """The variants that were trained here, side by side; without any those that ship, and the command that trains."""
    st.markdown(t("**What each choice is worth**"))
    rows = finished(ws)
    if not rows:
        rows = shipped("ablation")["variants"]
        shipped_line((f"base: m = {load_preset(pipeline.AT_ONCE).config.m}",))
        st.caption(t("Measure here: `python -m app ablate --minutes 60` trains small variants equally long."))
    tried = [VariantResult(row["variant"], row["rouge_l"], row["shuffled"]["rouge_l"]) for row in rows]
    chart(ablation_figure(tried), key="ablation", alt=describe_ablation(tried))
    st.caption(
        t(
            "{questions}, {steps}. The distance between the two marks is what a variant remembers.",
            questions=tn(rows[0]["n_questions"], "{n:,} dev question", "{n:,} dev questions"),
            steps=tn(steps, "{n:,} step of training each", "{n:,} steps of training each")
            if (steps := rows[0]["steps"])
            else t("no training"),
        )
    )
    columns = {
        "variant": (t("Variant"), [row["variant"] for row in rows], None),
        "recall": ("Recall@1", [row["recall_at_1"] for row in rows], "%.3f"),
        "right": (t("ROUGE-L, right z"), [variant.right for variant in tried], "%.3f"),
        "shuffled": (t("ROUGE-L, shuffled"), [variant.shuffled for variant in tried], "%.3f"),
        "em": ("EM", [row["em"] for row in rows], "%.3f"),
        "evidence": (t("Evidence (ms)"), [round(row["evidence_ms"]) for row in rows], "localized"),
        "bytes": (t("MB per 1,000 documents"), [row["bytes_per_1000_documents"] / 1e6 for row in rows], "%.0f"),
    }
    config = {
        key: st.column_config.NumberColumn(label, format=form) if form else label
        for key, (label, _, form) in columns.items()
    }
    data = {key: values for key, (_, values, _) in columns.items()}
    show_table(data, "ablation_table", config)
