"""The map: a mosaic in which every passage is a tile in the colour of its cell, and the question a star among them.

What is drawn is what is true: a tile is the part of the plane that is nearest to its passage, and its colour is exact.
So a cell, which is one piece in the embedding space, may be several in the plane. Cells that touch never look alike,
and colour never stands alone: cells of one colour differ in their symbols, and names stand on them. Nothing is painted
behind the map and no text has a fixed colour, so that it reads on light and dark pages.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import ACCENT, MUTED
from app.figures.tiles import outline, tile_colours, translucent
from core.messages import joined, message
from core.voronoi.mosaic import BOX, Mosaic, mosaic
from core.voronoi.projection import Points

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "triangle-down", "hexagon2", "star-square")
POINTS, BORDERS, QUESTION, NAME, FOUND, RINGS = "passages", "borders", "question", "name", "found", "rings"
"""Names of the traces, and of the annotations that name cells, that a selection or a test looks for."""
STAR = "#f2b632"
_INK = "rgba(22, 24, 29, 0.55)"
_GROUT = "rgba(138, 144, 160, 0.75)"
_SEAM = "rgba(138, 144, 160, 0.22)"
_MANY_CELLS = 25
"""Above so many, names are one word in small letters."""
_NAMED_CELLS = 60
"""Above so many, only opened cells have their names on them."""
_SPOTS = 15
"""Places that are tried for a name, so that it lies on no other."""
_SNIPPET = 220
_MOST_SNIPPETS = 5000
"""Above so many passages only titles are shown on hover, and seams between tiles are left out: both weigh megabytes."""
_HOVER_WIDTH = 58
_FADED = 0.3
_LETTER = 0.021
"""Width of a letter of a name in units of the map, at the default height."""
_LIFT = 0.055
"""How far above a passage a name stands."""
_LINE = 0.07
"""Height of a name."""
_BEYOND = 4.0
"""Tiles reach this far past the box, so that they fill a screen of any shape."""


@dataclass(frozen=True)
class MapQuestion:
    """The question on the map.

    Attributes:
        point: [2] where it is drawn.
        cells: Opened cells, nearest first.
        found: Rows of the passages in the opened cells that are nearest to it, nearest first.
    """

    text: str
    point: Points
    cells: tuple[int, ...]
    found: tuple[int, ...] = ()


@dataclass(frozen=True)
class MapData:
    """The content of the map.

    Attributes:
        texts: Passage texts, [n]; a snippet is shown on hover.
        xy: [n, 2] passages in the plane.
        cells: Cell of each passage, [n].
        labels: Names of the cells, [k].
    """

    ids: Sequence[str]
    titles: Sequence[str]
    texts: Sequence[str]
    xy: Points
    cells: Sequence[int]
    labels: Sequence[str]
    question: MapQuestion | None = None


def map_figure(data: MapData, height: int = 660) -> go.Figure:
    """Draws the map. A point's ``customdata[0]`` is its passage id, ``customdata[1]`` its cell."""
    tiles, colours = painted_tiles(data)
    cells = [int(cell) for cell in data.cells]
    figure = go.Figure()
    _add_tiles(figure, tiles, cells, colours)
    if data.question:
        _add_opened_tiles(figure, data.question, tiles, cells, colours)
    _add_passages(figure, data, colours)
    _add_names(figure, data)
    _lay_out(figure, height)
    if data.question:
        _add_found(figure, data.question.point, data.xy[list(data.question.found)])
        _add_question(figure, data, data.question)
    return figure


def painted_tiles(data: MapData) -> tuple[Mosaic, list[str]]:
    """The tile of every passage, and the colour of every cell."""
    tiles = mosaic(data.xy, (BOX[0] * _BEYOND, BOX[1] * _BEYOND))
    cells = [int(cell) for cell in data.cells]
    touching = {(cells[a], cells[b]) for a, b in tiles.neighbours if cells[a] != cells[b]}
    return tiles, tile_colours(len(data.labels), touching)


def describe_map(data: MapData) -> str:
    """The map in words, for people who cannot see it."""
    passages = message("{n:,} passage" if len(data.ids) == 1 else "{n:,} passages", n=len(data.ids))
    cells = message("{n:,} cell" if len(data.labels) == 1 else "{n:,} cells", n=len(data.labels))
    words = message(
        "Map of {passages} in {cells}: {names}.", passages=passages, cells=cells, names="; ".join(data.labels)
    )
    if not data.question:
        return words
    opened = ", ".join(f"{cell} ({data.labels[cell]})" for cell in data.question.cells)
    nearest = data.question.cells[0]
    return joined(
        " ", (words, message("The question falls in cell {cell}; opened: {opened}.", cell=nearest, opened=opened))
    )


def _add_tiles(figure: go.Figure, tiles: Mosaic, cells: Sequence[int], colours: Sequence[str]) -> None:
    """One trace for each colour, not for each tile: thousands of traces would make the page crawl."""
    for colour in dict.fromkeys(colours):
        polygons = [tile for tile, cell in zip(tiles.polygons, cells, strict=True) if colours[cell] == colour]
        if polygons:
            figure.add_trace(_area(polygons, translucent(colour, 0.3), 0.0, colour))
    if len(cells) <= _MOST_SNIPPETS:
        seams = [number for number, (a, b) in enumerate(tiles.neighbours) if cells[a] == cells[b]]
        figure.add_trace(_lines(tiles, seams, "seams", _SEAM, 0.8))
    borders = [number for number, (a, b) in enumerate(tiles.neighbours) if cells[a] != cells[b]]
    figure.add_trace(_lines(tiles, borders, BORDERS, _GROUT, 1.6))


def _lines(tiles: Mosaic, which: Sequence[int], name: str, colour: str, width: float) -> go.Scatter:
    """Some of the borders between tiles, by their numbers."""
    return go.Scatter(
        x=[at for number in which for at in tiles.x[3 * number : 3 * number + 3]],
        y=[at for number in which for at in tiles.y[3 * number : 3 * number + 3]],
        mode="lines",
        line={"color": colour, "width": width},
        name=name,
        hoverinfo="skip",
    )


def _add_opened_tiles(
    figure: go.Figure, question: MapQuestion, tiles: Mosaic, cells: Sequence[int], colours: Sequence[str]
) -> None:
    """Opened cells are lit, the nearest more than the others, and it has a rim."""
    for cell in reversed(question.cells):
        polygons = [polygon for polygon, other in zip(tiles.polygons, cells, strict=True) if other == cell]
        nearest = cell == question.cells[0]
        figure.add_trace(_area(polygons, translucent(colours[cell], 0.6 if nearest else 0.35), 0.0, colours[cell]))
    inside = [cell == question.cells[0] for cell in cells]
    edge = [number for number, (a, b) in enumerate(tiles.neighbours) if inside[a] != inside[b]]
    figure.add_trace(_lines(tiles, edge, "nearest", ACCENT, 3.0))


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
    short = (textwrap.shorten(text, _SNIPPET, placeholder=" …") for text in data.texts)
    snippets = [_wrapped(text) if len(cells) <= _MOST_SNIPPETS else "" for text in short]
    symbols = _symbols(colours)
    ringed = list(data.question.found) if data.question else []
    figure.add_trace(
        go.Scattergl(
            x=data.xy[ringed, 0],
            y=data.xy[ringed, 1],
            mode="markers",
            name=RINGS,
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
                "symbol": [symbols[cell] for cell in cells],
                "size": size,
                "opacity": [0.95 if cell in opened else _FADED for cell in cells],
                "line": {"width": 0.8, "color": _INK},
            },
            customdata=[
                [data.ids[row], cell, _plain(data.titles[row]), _plain(data.labels[cell]), text]
                for row, (cell, text) in enumerate(zip(cells, snippets, strict=True))
            ],
            hovertemplate=message(
                "<b>%{customdata[2]}</b><br>%{customdata[4]}<br><i>cell %{customdata[1]} · %{customdata[3]}</i>"
                "<extra></extra>"
            ),
        )
    )


def _symbols(colours: Sequence[str]) -> list[str]:
    """A symbol for each cell: the first of a colour get different ones."""
    used: Counter[str] = Counter()
    symbols = []
    for colour in colours:
        symbols.append(SYMBOLS[used[colour] % len(SYMBOLS)])
        used[colour] += 1
    return symbols


def _add_found(figure: go.Figure, point: Points, passages: Points) -> None:
    """Spokes from the question to the passages [n, 2] that are nearest to it in the opened cells, which have rings."""
    x: list[float | None] = []
    y: list[float | None] = []
    for passage in passages:
        x += [float(point[0]), float(passage[0]), None]
        y += [float(point[1]), float(passage[1]), None]
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="lines", name=FOUND, line={"color": ACCENT, "width": 1.6}, hoverinfo="skip")
    )


def _add_names(figure: go.Figure, data: MapData) -> None:
    opened = data.question.cells if data.question else ()
    names, size = cell_names(data)
    # Annotations, since traces of text lie beneath the passages, whose markers would cover the letters. All at once:
    # Plotly copies those that are there for each that is added.
    figure.layout.annotations = [
        {
            "x": x,
            "y": y,
            "text": f"<b>{escape(text)}</b>" if cell in opened else escape(text),
            "name": NAME,
            "showarrow": False,
            "font": {"size": size},
        }
        for cell, (text, x, y) in names.items()
    ]


def cell_names(data: MapData) -> tuple[dict[int, tuple[str, float, float]], int]:
    """Names on the cells while there is room for them; among very many, on the opened ones alone.

    Returns:
        The name of each cell and its place, and the size of the letters in pixels at the default height.
    """
    opened = data.question.cells if data.question else ()
    count = len(data.labels)
    small = count > _MANY_CELLS
    names = {
        cell: ", ".join(data.labels[cell].split(", ")[: 1 if small else 2])
        for cell in (range(count) if count <= _NAMED_CELLS else opened)
    }
    size = 10 if small else 12
    spots = _spots(data, names, _LETTER * size / 12)
    return {cell: (names[cell], x, y) for cell, (x, y) in spots.items()}, size


def _spots(data: MapData, names: Mapping[int, str], letter: float) -> dict[int, tuple[float, float]]:
    """Where each name goes: above a passage in the middle of its cell, where it lies on no other name if it can."""
    cells = np.asarray(data.cells)
    taken: list[tuple[float, float, float]] = []
    spots = {}
    for cell in sorted(set(names) & set(cells.tolist()), key=lambda c: -int((cells == c).sum())):
        points = data.xy[cells == cell]
        points = points[np.argsort(((points - np.median(points, axis=0)) ** 2).sum(axis=1), kind="stable")][:_SPOTS]
        half = letter * len(names[cell]) / 2
        candidates = [(float(np.clip(x, half - BOX[0], BOX[0] - half)), float(y) + _LIFT) for x, y in points]
        free = (p for p in candidates if all(abs(p[0] - x) > half + w or abs(p[1] - y) > _LINE for x, y, w in taken))
        spots[cell] = next(free, candidates[0])
        taken.append((*spots[cell], half))
    return spots


def _add_question(figure: go.Figure, data: MapData, question: MapQuestion) -> None:
    cell = question.cells[0]
    figure.add_trace(
        # WebGL like the passages, which would cover it otherwise: their canvas lies above everything else.
        go.Scattergl(
            x=[float(question.point[0])],
            y=[float(question.point[1])],
            mode="markers",
            name=QUESTION,
            marker={"symbol": "star", "size": 26, "color": STAR, "line": {"width": 1.6, "color": "#16181d"}},
            customdata=[[_wrapped(question.text), cell, _plain(data.labels[cell])]],
            hovertemplate=message(
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
        modebar={"remove": ["autoScale2d"], "bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": ACCENT},
        uirevision="map",  # a new question must not undo the reader's zoom
    )
    bare = {"showgrid": False, "zeroline": False, "showticklabels": False, "showline": False, "ticks": ""}
    figure.update_xaxes(range=[-BOX[0], BOX[0]], constrain="range", **bare)
    # To scale, so that a border is seen to run midway between two cells.
    figure.update_yaxes(range=[-BOX[1], BOX[1]], constrain="range", scaleanchor="x", **bare)


def _plain(text: str) -> str:
    """Text as it stands: Plotly would take its tags and line breaks for its own."""
    return escape(" ".join(text.split()))


def _wrapped(text: str) -> str:
    return "<br>".join(escape(line) for line in textwrap.wrap(" ".join(text.split()), _HOVER_WIDTH))
