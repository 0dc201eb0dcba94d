from app.figures.evaluation import MethodPoint, describe_pareto, pareto, pareto_figure


def point(name, quality, ms, size):
    return MethodPoint(name, name.upper(), quality, quality - 0.1, quality + 0.1, ms, size, 20)


ARMS = [
    point("rag", 0.5, 900, 1e6),
    point("cag", 0.5, 300, 3e9),
    point("bm25", 0.4, 900, 1e6),
    point("oracle", 0.7, 400, 0),
]


def test_a_method_is_dominated_when_another_is_as_good_in_all_and_better_in_one():
    assert pareto(ARMS) == ["cag", "oracle"]  # oracle beats rag and bm25 in all three; cag is the fastest
    assert pareto(ARMS[:3]) == ["rag", "cag"]  # bm25 costs what rag costs and scores less
    twins = [point("a", 0.5, 1, 1), point("b", 0.5, 1, 1)]
    assert pareto(twins) == ["a", "b"] and pareto([]) == []


def test_every_method_is_drawn_with_its_interval():
    figure = pareto_figure(ARMS, "F1")
    assert [trace.name for trace in figure.data] == ["RAG", "<b>CAG</b>", "BM25", "<b>ORACLE</b>"]
    assert figure.data[0].error_y.array[0] == figure.data[0].error_y.arrayminus[0] != 0
    assert figure.layout.xaxis.type == "log"
    sizes = {trace.name: trace.marker.size for trace in figure.data}
    assert sizes["<b>CAG</b>"] > sizes["RAG"] > sizes["<b>ORACLE</b>"] > 0


def test_the_words_name_the_methods_that_nothing_beats():
    words = describe_pareto(ARMS, "F1")
    assert "Beaten by no other method: CAG, ORACLE" in words and "RAG: F1 0.50 (0.40 to 0.60)" in words
