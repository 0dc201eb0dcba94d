import json
from dataclasses import replace

import numpy as np
import pytest

from app.figures.map import (
    BORDERS,
    FOUND,
    NAME,
    POINTS,
    QUESTION,
    RINGS,
    MapData,
    MapQuestion,
    describe_map,
    map_figure,
)
from core.voronoi.mosaic import BOX, mosaic

EVIL = '<a href="javascript:alert(1)">x</a> & %{y}'


@pytest.fixture()
def data():
    random = np.random.default_rng(0)
    cells = np.repeat(np.arange(5), 6)
    centres = random.uniform(-0.9, 0.9, (5, 2))
    return MapData(
        ids=[f"p{row}" for row in range(30)],
        titles=[f"Title {row}" for row in range(30)],
        texts=["The harbour bell rings at noon. " * 20] * 30,
        xy=centres[cells] + random.normal(0, 0.05, (30, 2)),
        cells=cells,
        labels=[f"word{cell}, other, third" for cell in range(5)],
    )


@pytest.fixture()
def asked(data):
    return replace(data, question=MapQuestion("Who rang?", np.array([0.1, 0.2]), (3, 1)))


def trace(figure, name):
    (found,) = [t for t in figure.data if t.name == name]
    return found


def test_every_passage_is_one_point_with_its_id(data):
    points = trace(map_figure(data), POINTS)
    assert points.type == "scattergl"
    assert [row[0] for row in points.customdata] == list(data.ids)
    assert [row[1] for row in points.customdata] == data.cells.tolist()
    np.testing.assert_allclose(points.x, data.xy[:, 0])


def test_a_cell_has_one_colour_and_one_symbol(data):
    points = trace(map_figure(data), POINTS)
    styles = {cell: set() for cell in range(5)}
    for cell, colour, symbol in zip(data.cells.tolist(), points.marker.color, points.marker.symbol, strict=True):
        styles[cell].add((colour, symbol))
    assert all(len(style) == 1 for style in styles.values())
    assert len(set.union(*styles.values())) == 5


def test_all_borders_are_one_line(data):
    borders = trace(map_figure(data), BORDERS)
    assert borders.mode == "lines"
    assert list(borders.x[2::3]) == [None] * (len(borders.x) // 3)


def scattered(passages, cells):
    """Passages whose cells fall apart in the plane."""
    random = np.random.default_rng(1)
    names = [str(row) for row in range(passages)]
    return MapData(
        ids=names,
        titles=names,
        texts=names,
        xy=random.uniform(-1, 1, (passages, 2)),
        cells=random.integers(cells, size=passages),
        labels=[f"word{cell}" for cell in range(cells)],
    )


def test_many_cells_do_not_make_many_traces():
    assert len(map_figure(scattered(900, 300)).data) <= 27


def test_every_passage_has_a_tile_in_the_colour_of_its_cell(data):
    figure = map_figure(data)
    points = trace(figure, POINTS)
    colours = dict(zip(data.cells.tolist(), points.marker.color, strict=True))
    tiles = {t.line.color: t.x.count(None) for t in figure.data if t.fill == "toself"}
    assert sum(tiles.values()) == len(data.ids)
    for colour, count in tiles.items():
        assert count == sum(colours[cell] == colour for cell in data.cells.tolist())


@pytest.mark.parametrize("cells", [17, 50])
def test_cells_that_touch_never_look_alike_even_where_they_fall_apart(cells):
    data = scattered(104, cells)
    points = trace(map_figure(data), POINTS)
    looks = dict(zip(data.cells.tolist(), points.marker.color, strict=True))
    of = data.cells.tolist()
    assert all(looks[of[a]] != looks[of[b]] for a, b in mosaic(data.xy).neighbours if of[a] != of[b])


def test_fifty_cells_have_their_names_and_none_lies_on_another_where_there_is_room():
    names = [note for note in map_figure(scattered(600, 50)).layout.annotations if note.name == NAME]
    assert len(names) == 50
    close = [(a, b) for i, a in enumerate(names) for b in names[:i] if abs(a.x - b.x) < 0.1 and abs(a.y - b.y) < 0.06]
    assert len(close) <= 3


def test_the_question_is_a_star_among_opened_cells(asked):
    figure = map_figure(asked)
    star = trace(figure, QUESTION)
    assert star.marker.symbol == "star"
    assert (star.x[0], star.y[0]) == (0.1, 0.2)
    rows = np.isin(asked.cells, (3, 1))
    opacity = np.array(trace(figure, POINTS).marker.opacity)
    assert opacity[rows].min() > opacity[~rows].max()


def test_the_nearest_cell_stands_out(data, asked):
    plain, opened = ([t for t in map_figure(d).data if t.fill == "toself"] for d in (data, asked))
    assert len(opened) == len(plain) + 2
    alpha = [float(t.fillcolor.rpartition(",")[2].rstrip(")")) for t in opened[-2:]]
    assert alpha[1] > alpha[0]
    assert len(trace(map_figure(asked), "nearest").x) > 0


def test_without_a_question_nothing_fades(data):
    figure = map_figure(data)
    assert min(trace(figure, POINTS).marker.opacity) > 0.9
    assert not [t for t in figure.data if t.name == QUESTION]
    assert len(trace(figure, RINGS).x) == 0


def test_texts_cannot_write_markup(asked):
    evil = replace(
        asked,
        titles=[EVIL] * 30,
        texts=[EVIL] * 30,
        labels=[EVIL] * 5,
        question=replace(asked.question, text=EVIL),
    )
    drawn = json.dumps(json.loads(map_figure(evil).to_json()))
    assert "<a href" not in drawn
    assert "&lt;a" in drawn


def test_hover_texts_are_short_and_wrapped(data):
    snippet = trace(map_figure(data), POINTS).customdata[0][4]
    assert "…" in snippet
    assert max(len(line) for line in snippet.split("<br>")) <= 58


def test_it_reads_on_light_and_dark(asked):
    drawn = json.loads(map_figure(asked).to_json())
    layout = drawn["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert "font" not in layout
    names = [written for written in layout["annotations"] if written["name"] == NAME]
    assert len(names) == 5 and not any("color" in written["font"] for written in names)


def test_tiles_fill_a_screen_of_any_shape_and_names_stay_in_the_box(asked):
    figure = map_figure(asked)
    tiles = [t for t in figure.data if t.fill == "toself"]
    for axis, half in zip("xy", BOX, strict=True):
        assert max(abs(at) for t in tiles for at in t[axis] if at is not None) > 3 * half
    names = np.array([[written.x, written.y] for written in figure.layout.annotations])
    assert (np.abs(names) <= np.array(BOX)).all()


def test_drawn_to_scale_within_the_box(asked):
    layout = map_figure(asked).layout
    assert layout.yaxis.scaleanchor == "x"
    assert tuple(layout.xaxis.range) == (-BOX[0], BOX[0])
    assert layout.uirevision


@pytest.mark.parametrize("cells", [1, 2])
def test_tiny_maps(cells):
    data = MapData(
        ids=["a", "b"],
        titles=["", ""],
        texts=["", ""],
        xy=np.array([[-1.6, 0], [1.6, 0]]),
        cells=[0, cells - 1],
        labels=["one", "two"][:cells],
        question=MapQuestion("?", np.array([0.0, 0.0]), (0,)),
    )
    assert len(trace(map_figure(data), POINTS).x) == 2


def test_in_words(data, asked):
    assert "30 passages in 5 cells" in describe_map(data)
    assert "falls in cell 3" in describe_map(asked)


def test_the_route_of_a_question_is_drawn_whole(data, asked):
    way = replace(asked.question, found=(4, 7))
    figure = map_figure(replace(data, question=way))
    assert {"tile", FOUND, RINGS} <= {drawn.name for drawn in figure.data}
    spokes, rings = trace(figure, FOUND), trace(figure, RINGS)
    assert list(rings.x) == list(data.xy[[4, 7], 0])  # passages of other opened cells are not read, and have none
    np.testing.assert_allclose(list(spokes.x[1::3]), data.xy[[4, 7], 0])


def test_a_large_map_carries_titles_alone(data, monkeypatch):
    monkeypatch.setattr("app.figures.map._MOST_SNIPPETS", 29)
    assert {row[4] for row in trace(map_figure(data), POINTS).customdata} == {""}
