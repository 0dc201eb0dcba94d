"""Dragging the question's star over the mosaic: what it is routed to on its way, and what each cell answers.

All of it happens in the browser (``star.js``): Python sends tiles, ways and answers once, and no move runs the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from app import state
from app.figures.map import STAR, MapData, cell_names, painted_tiles
from app.i18n import t, tn
from app.navigation import page_for
from app.views.map.question import Located, vectors_of
from app.views.shared.frame import link_to, missing_for
from app.views.shared.jobs import results_of
from core.corpus.types import Corpus
from core.evaluation.verdict import VERDICTS, Kind, verdict_on
from core.kvcache.variants import BLOCKS, find_variant, list_variants, model_params
from core.methods.one_cell import STAGE, answer_from_cells
from core.methods.resources import Resources
from core.models.encoder import Vectors
from core.units import size
from core.voronoi.mosaic import BOX, Mosaic
from core.voronoi.partition import Partition
from core.voronoi.projection import Points
from core.voronoi.routing import route_between
from core.workspace import Workspace

_HERE = Path(__file__)
_STEPS = 20
_HEIGHT = 440
"""Pixels of the map when it is drawn: its letters are to be that large then."""
_MOST_TILES = 300
"""Of a larger corpus the part around the question is shown: every tile brings a way of its own."""
_component = st.components.v2.component(
    "tessera_star",
    css=_HERE.with_suffix(".css").read_text(encoding="utf-8"),
    js=_HERE.with_suffix(".js").read_text(encoding="utf-8"),
)


class CellAnswer(NamedTuple):
    """What a question is answered from one cell alone: the text, and the verdict where a gold answer is known."""

    text: str
    verdict: Kind


def drag_star(ws: Workspace, corpus: Corpus, partition: Partition, data: MapData, located: Located, busy: bool) -> None:
    """The button that computes the answers, the mosaic with a star to drag, and what exactly moves."""
    answers = _answers(ws, corpus, partition, located.question)
    _answer_button(ws, located, [cell for cell in located.route.cells if cell not in answers], busy)
    star_panel(ws, partition, data, located, answers)
    st.caption(
        t(
            "Answers are this question's real ones, computed beforehand: KV-cache CAG with its usual settings, but "
            "from the blocks of the one cell alone; the question's own vector ranks the passages in it."
        )
    )


def star_panel(
    ws: Workspace, partition: Partition, data: MapData, located: Located, answers: Mapping[int, CellAnswer]
) -> None:
    """The mosaic with a star to drag, and what exactly moves.

    Args:
        answers: What it is answered, by cell, as far as that is known.
    """
    with st.container(border=True, key="star"):
        _component(key="map-star", data=_scene(ws, partition, data, located, answers))
    st.caption(
        t(
            "Only the question's routing vector moves; its words stay. Over a tile it is the sum of the question's own "
            "vector and the passage's, brought to unit length as for every question that is routed. The passage's "
            "share grows in steps of {step:.0%}, from none where the question lies to all at the passage's dot, by the "
            "distance in the plane. The bright cell is the one that this vector is routed to: the nearest centroid in "
            "the embedding space. The colour under the star is only what is drawn, and may be another cell.",
            step=1 / _STEPS,
        )
    )


def _answers(ws: Workspace, corpus: Corpus, partition: Partition, question: str) -> dict[int, CellAnswer]:
    """Answers by cell, as far as they were computed for this question, these cells and these settings."""
    holds_for = {"question": question, "settings": state.settings(), "partition": ws.fingerprint("partition")}
    gold, rows = corpus.question(question), corpus.index()
    gold_cells = {name: int(partition.assignment[rows[name]]) for name in (gold.passage_ids if gold else ())}
    return {
        result["cell"]: CellAnswer(result["answer"].text, verdict_on(result["answer"], gold, gold_cells).kind)
        for result in results_of(ws, STAGE)
        if holds_for.items() <= result.items()
    }


def _answer_button(ws: Workspace, located: Located, cells: Sequence[int], busy: bool) -> None:
    settings, models = state.settings(), state.models()
    if settings.engine_url:
        st.caption(t("A server takes no blocks: these answers need the language model in this process."))
        return
    if missing := missing_for(ws, ("blocks",)):
        st.caption(t("The blocks of the passages are not ready: without them no cell can answer."))
        link_to(page_for(missing[0].kind))
        return
    if not cells:
        return

    def start() -> None:
        state.start_question(
            ws.name,
            STAGE,
            lambda target: answer_from_cells(Resources(target, models, settings), located.question, cells),
        )

    st.button(
        tn(len(cells), "Compute the answer of {n:,} near cell", "Compute the answers of the {n:,} nearest cells"),
        key="star-answers",
        icon=":material/play_arrow:",
        disabled=busy,
        on_click=start,
        help=t("As many cells as are open above. You can go on dragging, or cancel; what is finished stays."),
    )


def _scene(
    ws: Workspace, partition: Partition, data: MapData, located: Located, answers: Mapping[int, CellAnswer]
) -> dict[str, Any]:
    """What the component draws, in plain values; it sets every text as text."""
    tiles, colours = painted_tiles(data)
    low, high = _window(data.xy, located.point)
    names, letters = cell_names(data)
    return {
        "question": located.question,
        "start": located.point.tolist(),
        "box": [*low.tolist(), *high.tolist()],
        "star": STAR,
        "tiles": _tiles(ws, tiles, low, high, data, partition, located),
        "colours": colours,
        "cells": _cells(ws, partition, data, answers),
        "names": list(names.values()),
        "letters": letters / _HEIGHT * (high - low)[1],
        "words": {
            "star": t("The question's star"),
            "keys": t("Drag the star, or press the arrow keys (further with Shift); Home brings it back."),
            "routed": t("Routed to"),
            "answer": t("Answer from this cell alone"),
            "none": t("not computed"),
            "margin": t("Margin to the nearest border"),
            "cache": t("Its cache"),
            "under": t("Tile under the star"),
            "share": t("Pulled towards that passage"),
            "differs": t("It belongs to another cell than the one routed to."),
        },
    }


def _window(xy: Points, point: Points) -> tuple[Points, Points]:
    """Lower and upper corner of what is shown: all of the map, or as much around the star as holds enough tiles."""
    if len(xy) <= _MOST_TILES:
        return -np.array(BOX), np.array(BOX)
    reach = np.sort((np.abs(xy - point) / BOX).max(axis=1))[_MOST_TILES - 1] * np.array(BOX)
    return point - reach, point + reach


def _tiles(
    ws: Workspace, tiles: Mosaic, low: Points, high: Points, data: MapData, partition: Partition, located: Located
) -> list[dict[str, Any]]:
    """The tiles within the window, each with where the question is routed on the way to its passage."""
    rows = [
        row
        for row, corners in enumerate(tiles.polygons)
        if (corners.max(axis=0) >= low).all() and (corners.min(axis=0) <= high).all()
    ]
    built = (ws.fingerprint("partition"), ws.fingerprint("embeddings"))
    cells, margins = _ways(str(ws.path), built, located.question, tuple(rows), ws, partition, located.vector)
    return [
        {
            "corners": tiles.polygons[row].round(3).tolist(),
            "dot": data.xy[row].tolist(),
            "cell": int(partition.assignment[row]),
            "title": data.titles[row],
            "cells": cells[way].tolist(),
            "margins": margins[way].round(4).tolist(),
        }
        for way, row in enumerate(rows)
    ]


@st.cache_data(show_spinner=False, max_entries=8)
def _ways(
    path: str,
    built: Sequence[str],
    question: str,
    rows: Sequence[int],
    _ws: Workspace,
    _partition: Partition,
    _vector: Vectors,
) -> tuple[Any, Any]:
    """Where a question is routed on the way to each of some passages; a second or two for a large corpus."""
    return route_between(_partition, _vector, vectors_of(_ws)[list(rows)], _STEPS)


def _cells(
    ws: Workspace, partition: Partition, data: MapData, answers: Mapping[int, CellAnswer]
) -> list[dict[str, str]]:
    """Of every cell its name, what its cache weighs, what it answers, and the verdict on that."""
    weights = _block_sizes(ws)
    described = []
    for cell, members in enumerate(partition.members()):
        counted = tn(len(members), "{n:,} passage", "{n:,} passages")
        cache = t("{passages}, {tokens:,} tokens", passages=counted, tokens=int(partition.tokens[cell]))
        weight = sum(weights.get(row, 0) for row in members)
        entry = {"name": f"{cell} · {data.labels[cell]}", "cache": f"{cache}, {size(weight)}" if weight else cache}
        if cell in answers:
            style = VERDICTS[answers[cell].verdict]
            entry["answer"] = answers[cell].text or t("(nothing)")
            entry["verdict"] = "" if answers[cell].verdict == "unknown" else f"{style.symbol} {t(style.label)}"
        described.append(entry)
    return described


def _block_sizes(ws: Workspace) -> dict[int, int]:
    """Bytes on disk of the block of each passage, by row; nothing where none are read."""
    settings = state.settings()
    variant = find_variant(list_variants(ws, BLOCKS), model_params(settings), settings.cache_precision)
    if variant is None or settings.engine_url:
        return {}
    return {block.cell: block.bytes for block in variant.store().states()}
