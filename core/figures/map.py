"""The map: passages as pebbles on the tiles of their cells, and the question as a star among them.

Tiles that touch never share a colour, and colour never stands alone: each cell also has a marker symbol, and its name
on hover. Nothing is painted behind the map and no text has a fixed colour, so that it reads on light and dark pages.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from core.figures.map_path import add_found, add_margin, animate, to_border
from core.figures.palette import ACCENT, MUTED
from core.figures.tiles import TILES, outline, tile_colours, translucent, widest_chord
from core.said import joined, said
from core.voronoi.cells2d import BOX, Mosaic, mosaic
from core.voronoi.projection import Points

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "triangle-down", "hexagon2", "star-square")
POINTS, BORDERS, QUESTION, NAME, DENSITY = "passages", "borders", "question", "name", "density"
"""Names of the traces, and of the annotations that name cells, that a selection or a test looks for."""
_STAR = "#f2b632"
_INK = "rgba(22, 24, 29, 0.55)"
_GROUT = "rgba(138, 144, 160, 0.5)"
_NAMED_CELLS = 30
_SNIPPET = 220
_MOST_SNIPPETS = 5000
"""Above so many passages only titles are shown on hover: their texts would weigh megabytes."""
_HOVER_WIDTH = 58
_FADED = 0.3
_LETTER = 0.021
"""Width of a letter of a name in units of the map, at the default height."""
_BEYOND = 4.0
"""Tiles reach this far past the box, so that they fill a screen of any shape."""


@dataclass(frozen=True)
class MapQuestion:
    """The question on the map.

    Attributes:
        text: What was asked.
        point: [2] where it is drawn.
        cells: Opened cells, nearest first.
        rival: The cell behind the nearest border; None with only one cell.
        found: Rows of the passages in the opened cells that are nearest to it, nearest first.
    """

    text: str
    point: Points
    cells: tuple[int, ...]
    rival: int | None = None
    found: tuple[int, ...] = ()


@dataclass(frozen=True)
class MapData:
    """What the map shows.

    Attributes:
        ids: Passage ids, [n].
        titles: Titles, [n].
        texts: Passage texts, [n]; a snippet is shown on hover.
        xy: [n, 2] passages in the plane.
        cells: Cell of each passage, [n].
        centres: [k, 2] cells in the plane.
        labels: Names of the cells, [k].
        question: Where a question falls; None without one.
    """

    ids: Sequence[str]
    titles: Sequence[str]
    texts: Sequence[str]
    xy: Points
    cells: Sequence[int]
    centres: Points
    labels: Sequence[str]
    question: MapQuestion | None = None


def map_figure(data: MapData, height: int = 660, density: bool = False) -> go.Figure:
    """Draws the map. A point's ``customdata[0]`` is its passage id, ``customdata[1]`` its cell.

    Args:
        data: What to show.
        height: Height in pixels.
        density: Whether shades beneath the passages show how close they lie.
    """
    tiles = mosaic(data.centres, (BOX[0] * _BEYOND, BOX[1] * _BEYOND))
    colours = tile_colours(len(data.centres), tiles.neighbours)
    figure = go.Figure()
    _add_tiles(figure, tiles, colours)
    if density:
        _add_density(figure, data)
    opened = len(figure.data)
    if data.question:
        _add_opened_tiles(figure, data.question, tiles, colours)
    rings = len(figure.data)
    _add_passages(figure, data, colours)
    _add_names(figure, data, mosaic(data.centres))
    _lay_out(figure, height)
    if data.question:
        margin = len(figure.data)
        _add_way(figure, data, data.question)
        _add_question(figure, data, data.question)
        animate(figure, ((), (margin,), tuple(range(opened, rings)), (rings, margin + 1)))
    return figure


def describe_map(data: MapData) -> str:
    """The map in words, for people who cannot see it."""
    passages = said("{n:,} passage" if len(data.ids) == 1 else "{n:,} passages", n=len(data.ids))
    cells = said("{n:,} cell" if len(data.labels) == 1 else "{n:,} cells", n=len(data.labels))
    words = said("Map of {passages} in {cells}: {names}.", passages=passages, cells=cells, names="; ".join(data.labels))
    if not data.question:
        return words
    opened = ", ".join(f"{cell} ({data.labels[cell]})" for cell in data.question.cells)
    nearest = data.question.cells[0]
    return joined(
        " ", (words, said("The question falls in cell {cell}; opened: {opened}.", cell=nearest, opened=opened))
    )


def _add_tiles(figure: go.Figure, tiles: Mosaic, colours: Sequence[str]) -> None:
    """One trace for each colour, not for each cell: hundreds of traces would make the page crawl."""
    for colour in TILES:
        polygons = [polygon for polygon, own in zip(tiles.polygons, colours, strict=True) if own == colour]
        if polygons:
            figure.add_trace(_area(polygons, translucent(colour, 0.1), 0.0, colour))
    figure.add_trace(
        go.Scatter(
            x=tiles.x, y=tiles.y, mode="lines", line={"color": _GROUT, "width": 1}, name=BORDERS, hoverinfo="skip"
        )
    )


def _add_opened_tiles(figure: go.Figure, question: MapQuestion, tiles: Mosaic, colours: Sequence[str]) -> None:
    for cell in reversed(question.cells):  # the nearest last, so that its border is whole
        nearest = cell == question.cells[0]
        fill = translucent(colours[cell], 0.34 if nearest else 0.2)
        line, width = (ACCENT, 2.6) if nearest else (colours[cell], 1.4)
        figure.add_trace(_area([tiles.polygons[cell]], fill, width, line))


def _area(polygons: Sequence[Points], fill: str, width: float, line: str) -> go.Scatter:
    x, y = outline(polygons)
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        fill="toself",
        fillcolor=fill,
        line={"width": width, "color": line},
        hoverinfo="skip",
        name="tile",
    )


def _add_passages(figure: go.Figure, data: MapData, colours: Sequence[str]) -> None:
    cells = [int(cell) for cell in data.cells]
    opened = set(data.question.cells) if data.question else set(cells)
    size = 11 if len(cells) <= 200 else 8 if len(cells) <= 1000 else 6
    snippets = [_snippet(text) if len(cells) <= _MOST_SNIPPETS else "" for text in data.texts]
    ringed = [row for row, cell in enumerate(cells) if data.question and cell in opened]
    figure.add_trace(
        go.Scattergl(
            x=data.xy[ringed, 0],
            y=data.xy[ringed, 1],
            mode="markers",
            name="opened",
            marker={"symbol": "circle-open", "size": size + 8, "color": ACCENT, "line": {"width": 1.8}},
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scattergl(
            x=data.xy[:, 0],
            y=data.xy[:, 1],
            mode="markers",
            name=POINTS,
            marker={
                "color": [colours[cell] for cell in cells],
                "symbol": [SYMBOLS[cell % len(SYMBOLS)] for cell in cells],
                "size": size,
                "opacity": [0.95 if cell in opened else _FADED for cell in cells],
                "line": {"width": 0.8, "color": _INK},
            },
            customdata=[
                [data.ids[row], cell, _plain(data.titles[row]), _plain(data.labels[cell]), text]
                for row, (cell, text) in enumerate(zip(cells, snippets, strict=True))
            ],
            hovertemplate=said(
                "<b>%{customdata[2]}</b><br>%{customdata[4]}<br><i>cell %{customdata[1]} · %{customdata[3]}</i>"
                "<extra></extra>"
            ),
        )
    )


def _add_density(figure: go.Figure, data: MapData) -> None:
    figure.add_trace(
        go.Histogram2dContour(
            x=data.xy[:, 0],
            y=data.xy[:, 1],
            name=DENSITY,
            colorscale=[[0, "rgba(138, 144, 160, 0)"], [1, "rgba(138, 144, 160, 0.6)"]],
            ncontours=8,
            contours={"coloring": "fill"},
            line={"width": 0},
            showscale=False,
            hoverinfo="skip",
        )
    )


def _add_way(figure: go.Figure, data: MapData, question: MapQuestion) -> None:
    """From the question to the nearest border, and to the passages that are found."""
    own = question.cells[0]
    rival = own if question.rival is None else question.rival
    add_margin(figure, question.point, to_border(question.point, own, rival, data.centres))
    add_found(figure, question.point, data.xy[list(question.found)])


def _add_names(figure: go.Figure, data: MapData, tiles: Mosaic) -> None:
    """Names on the tiles while there is room for them; among many cells, on the opened ones alone."""
    opened = data.question.cells if data.question else ()
    named = range(len(tiles.polygons)) if len(tiles.polygons) <= _NAMED_CELLS else opened
    spots = [widest_chord(tiles.polygons[cell]) for cell in named]
    names = [_name(data.labels[cell], width) for cell, (_, _, width) in zip(named, spots, strict=True)]
    for cell, name, (x, y, _) in zip(named, names, spots, strict=True):
        # An annotation, since traces of text lie beneath the passages, whose markers would cover the letters.
        figure.add_annotation(
            x=x,
            y=y,
            text=f"<b>{name}</b>" if cell in opened else name,
            name=NAME,
            showarrow=False,
            font={"size": 12},
        )


def _add_question(figure: go.Figure, data: MapData, question: MapQuestion) -> None:
    cell = question.cells[0]
    figure.add_trace(
        # WebGL like the passages, which would cover it otherwise: their canvas lies above everything else.
        go.Scattergl(
            x=[float(question.point[0])],
            y=[float(question.point[1])],
            mode="markers",
            name=QUESTION,
            marker={"symbol": "star", "size": 26, "color": _STAR, "line": {"width": 1.6, "color": "#16181d"}},
            customdata=[[_wrapped(question.text), cell, _plain(data.labels[cell])]],
            hovertemplate=said(
                "<b>%{customdata[0]}</b><br><i>in cell %{customdata[1]} · %{customdata[2]}</i><extra></extra>"
            ),
        )
    )


def _lay_out(figure: go.Figure, height: int) -> None:
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        hovermode="closest",
        hoverlabel={"align": "left"},
        dragmode="pan",
        modebar={
            "remove": ["autoScale2d"],
            "bgcolor": "rgba(0,0,0,0)",
            "color": MUTED,
            "activecolor": ACCENT,
        },
        uirevision="map",  # a new question must not undo the reader's zoom
    )
    bare = {"showgrid": False, "zeroline": False, "showticklabels": False, "showline": False, "ticks": ""}
    figure.update_xaxes(range=[-BOX[0], BOX[0]], constrain="range", **bare)
    # To scale, so that a border is seen to run midway between two cells.
    figure.update_yaxes(range=[-BOX[1], BOX[1]], constrain="range", scaleanchor="x", **bare)


def _name(label: str, width: float) -> str:
    """As many words of a name as fit in ``width``, at least one and at most two."""
    words = label.split(", ")[:2]
    room = width / _LETTER
    return escape(", ".join(words) if len(", ".join(words)) <= room else words[0])


def _plain(text: str) -> str:
    """Text as it stands: Plotly would take its tags and line breaks for its own."""
    return escape(" ".join(text.split()))


def _snippet(text: str) -> str:
    return _wrapped(textwrap.shorten(text, _SNIPPET, placeholder=" …"))


def _wrapped(text: str) -> str:
    return "<br>".join(escape(line) for line in textwrap.wrap(" ".join(text.split()), _HOVER_WIDTH))
