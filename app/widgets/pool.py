"""What the memory of a workspace is made of: Z as a picture, and its weight beside that of the other ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from app.widgets.chart import chart
from app.words import t, tn
from core.corpus.folder import PASSAGES_FILE
from core.figures.pool import describe_pool, drawn_rows, is_idle, pool_figure
from core.figures.storage import Weighed, describe_storage, storage_figure
from core.figures.units import size
from core.memory import store
from core.workspace import Workspace


def inside(ws: Workspace) -> None:
    """The heat map of the pool, and the storage meter."""
    pool = store.load_pool(ws.require("memory"))
    norms = pool.z.norm(dim=2).numpy()
    st.markdown(
        t(
            "**Z**: a row is one of {documents}, a column one of its vectors, the colour its length. Vectors that a "
            "short document does not fill begin empty and stay short.",
            documents=tn(len(pool.ids), "{n:,} document", "{n:,} documents"),
        )
    )
    drawn = len(drawn_rows(len(pool.ids)))
    if drawn < len(pool.ids):
        st.caption(t("Drawn: {drawn:,} documents, evenly chosen from {n:,}.", drawn=drawn, n=len(pool.ids)))
    titles = [title or passage_id for title, passage_id in zip(pool.titles, pool.ids, strict=True)]
    chart(pool_figure(norms, titles), key="pool", alt=describe_pool(norms))
    st.dataframe(
        {
            "document": titles,
            "vectors": (~is_idle(norms)).sum(1).tolist(),
            "length": np.round(norms.mean(1), 2).tolist(),
            "bytes": [pool.z[0].numel() * 2] * len(titles),
        },
        hide_index=True,
        key="pool_table",
        height=200,
        column_config={
            "document": t("Document"),
            "vectors": st.column_config.NumberColumn(t("Vectors in use")),
            "length": st.column_config.NumberColumn(t("Mean length"), format="%.2f"),
            "bytes": st.column_config.NumberColumn(t("Bytes of z"), format="localized"),
        },
    )
    st.markdown(t("**What it weighs** beside the other ways of knowing the same documents."))
    things = weighed(ws)
    chart(storage_figure(things), key="storage", alt=describe_storage(things))
    st.caption(
        t(
            "LoRA, projector and router are there once, however many documents there are; all else grows with them. "
            "{sizes}",
            sizes=" · ".join(f"{thing.name} {size(thing.bytes)}" for thing in things if thing.bytes),
        )
    )


def weighed(ws: Workspace) -> list[Weighed]:
    """Everything on disk by which a method knows the documents of the workspace."""
    memory = ws.folder("memory")
    return [
        Weighed(t("Text of the passages"), _bytes(ws.folder("corpus") / PASSAGES_FILE)),
        Weighed(t("Search index"), ws.state("index").bytes, "rag"),
        Weighed("Z", _bytes(memory / store.POOL), "memory"),
        Weighed(t("LoRA, projector, router"), _bytes(memory / store.LORA) + _bytes(memory / store.PARTS), "memory"),
        Weighed(t("KV caches of the cells"), ws.state("caches").bytes, "cag"),
    ]


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
