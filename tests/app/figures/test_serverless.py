import pytest

from app.figures import serverless, serverless_flow
from tests.core.labs.serverless.study.findings import TIMES, findings


@pytest.fixture(scope="module")
def found(tiny_corpus):
    return findings(tiny_corpus)


@pytest.fixture
def indexes(found):
    return found["sizes"][-1]["indexes"]


def names(figure):
    return [trace.name for trace in figure.data]


def test_latency_is_a_distribution_for_each_index(indexes):
    figure = serverless.latency_figure(indexes)
    assert names(figure) == ["Flat", "IVF_HNSW_SQ"]
    for trace, index in zip(figure.data, indexes.values(), strict=True):
        assert list(trace.x) == list(index["load"]["latency"]["cdf"]) and (trace.y[0], trace.y[-1]) == (0, 1)
    assert "half within" in serverless.describe_latency(indexes)


def test_reliability_adds_up_to_everything(indexes):
    figure = serverless.reliability_figure(indexes)
    assert names(figure) == ["ok", "throttled", "crash"]
    assert [sum(shares) for shares in zip(*(trace.x for trace in figure.data), strict=True)] == pytest.approx([1, 1])
    assert "Flat: 20 ok, 1 throttled, 1 crash" in serverless.describe_reliability(indexes)


def test_the_parts_of_a_cold_start_add_up_to_it(indexes):
    parts = serverless.cold_parts(indexes["flat"])
    assert parts == {"process start": 700.0, "load model": 3000.0, "open table": 900.0, "answer": 400.0}
    figure = serverless.cold_figure(indexes)
    assert [trace.x[0] for trace in figure.data] == [ms / 1000 for ms in parts.values()]
    assert len(figure.data[0].y) == 4 and "cold 5.00 s" in serverless.describe_cold(indexes)


def test_the_crossover_lies_where_the_lines_meet(found):
    crossed = found["crossover"]["search_ms"]
    assert crossed["where"] == "between" and 400 < crossed["size"] < 2000
    figure = serverless.crossover_figure(found["sizes"], crossed, "search_ms")
    assert list(figure.data[0].y) == [TIMES["flat"](size) for size in (20, 400, 2000)]
    assert figure.layout.shapes[0].x0 == crossed["size"]
    assert f"{crossed['size']:,.0f}" in serverless.describe_crossover(found["sizes"], crossed, "search_ms")


@pytest.mark.parametrize(("place", "says"), [("always", "every size"), ("never", "not faster")])
def test_without_a_crossing_there_is_no_mark(found, place, says):
    crossed = {"where": place, "size": None}
    assert not serverless.crossover_figure(found["sizes"], crossed, "search_ms").layout.shapes
    assert says in serverless.where(crossed)


@pytest.mark.parametrize(("pipeline", "boxes"), [(False, 3), (True, 4)])
def test_the_pipeline_has_a_box_for_each_part_and_their_times(pipeline, boxes):
    stages = serverless_flow.stages(pipeline, {"Flat": {"retrieval": 12.0}})
    figure = serverless_flow.pipeline_figure(stages)
    assert len(figure.layout.shapes) == boxes
    assert any("12 ms" in (note.text or "") for note in figure.layout.annotations)
    assert "Retrieval (Flat 12 ms)" in serverless_flow.describe_pipeline(stages)


def test_a_pipeline_that_re_ranks_and_keeps_results_has_a_box_for_each():
    times = {"lookup": 4.0, "retrieval": 12.0, "rerank": 90.0, "generation": 300.0, "keep": 6.0}
    stages = serverless_flow.stages(True, {"Flat": times})
    assert [stage.name for stage in stages[2:]] == ["Result cache", "Retrieval", "Re-ranking", "Generation", "Keeping"]
    assert len(serverless_flow.pipeline_figure(stages).layout.shapes) == 7


def test_shares_of_time_and_cost_are_drawn_for_each_function():
    load = {"shares": {"cache": 0.1, "retrieval": 0.2, "rerank": 0.3, "generation": 0.4}}
    costs = {"cache": 1.0, "retrieval": 1.0, "rerank": 2.0, "generation": 4.0}
    indexes = {"flat": {"load": load, "cost": {"functions": costs}}}
    figure = serverless_flow.share_figure(indexes)
    assert [trace.name for trace in figure.data] == ["Result cache", "Retrieval", "Re-ranking", "Generation"]
    assert [list(trace.x) for trace in figure.data] == [[0.1, 0.125], [0.2, 0.125], [0.3, 0.25], [0.4, 0.5]]
    said = serverless_flow.describe_shares(indexes)
    assert "Flat, time: Result cache 10%" in said and "Flat, cost: " in said and "Generation 50%" in said
    assert serverless_flow.shares({"flat": {"load": {}, "cost": None}}) == {}


def test_a_load_under_way_shows_its_own_points_alone():
    point = {"t": 1.0, "rate": 5.0, "ok": 3, "throttled": 1, "failed": 0, "p50_ms": 20.0, "p99_ms": 90.0}
    history = [{**point, "load": "a"}, {**point, "load": "b"}, {**point, "load": "b", "t": 2.0}]
    figure = serverless_flow.live_figure(history)
    assert [list(trace.x) for trace in figure.data] == [[1.0, 2.0]] * 3
    assert "3 answered, 1 throttled" in serverless_flow.describe_live(history)
    assert serverless_flow.describe_live([]) == "No request yet."


def test_cost_is_drawn_for_each_index_and_the_machine_beside_it():
    figure = serverless_flow.cost_figure({"flat": [2.0, 1.0]}, [9.0, 0.1], [100, 10_000], 1000, "t3")
    assert names(figure) == ["Flat", "always on (t3)"] and figure.layout.shapes[0].x0 == 1000
    said = serverless_flow.describe_cost({"flat": 1.5}, 9.0, 1000, "t3")
    assert "1,000 queries a month" in said and "$1.5000" in said
