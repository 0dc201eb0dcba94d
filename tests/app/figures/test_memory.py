from app.figures.memory import SizeResult, Weight, describe_routing, describe_sizes, routing_figure, size_figure

WEIGHTS = [Weight("Quiet lake", 0.2), Weight("not in memory", 0.1, null=True), Weight("<b>Loud</b> hill", 0.7)]


def test_heaviest_on_top():
    (trace,) = routing_figure(WEIGHTS).data
    assert list(trace.x) == [0.7, 0.2, 0.1]


def test_titles_of_documents_are_no_markup():
    figure = routing_figure(WEIGHTS)
    assert figure.layout.yaxis.ticktext[0] == "&lt;b&gt;Loud&lt;/b&gt; hill"
    assert "<b>Loud" not in str(figure.data[0].customdata[0])


def test_the_null_slot_looks_different():
    (trace,) = routing_figure(WEIGHTS).data
    colours = list(trace.marker.color)
    assert colours[0] == colours[1] != colours[2]


def test_long_titles_are_cut():
    figure = routing_figure([Weight("t" * 200, 1.0)])
    assert len(figure.layout.yaxis.ticktext[0]) < 60


def test_routing_in_words():
    assert describe_routing(WEIGHTS).startswith("Routing weights. <b>Loud</b> hill: 70.0%; Quiet lake: 20.0%")


def test_scores_stand_over_bytes_from_small_to_large():
    row = {"em": 0.5, "recall_at_1": 0.9, "rouge_l": 0.6, "shuffled": {"rouge_l": 0.1}}
    sizes = [SizeResult.of(row | {"bytes_per_document": size, "em": size / 4000}) for size in (2000, 500)]
    lines = {trace.name: (list(trace.x), list(trace.y)) for trace in size_figure(sizes).data}
    assert lines["EM"] == ([500, 2000], [0.125, 0.5])
    assert lines["ROUGE-L, right minus shuffled z"] == ([500, 2000], [0.5, 0.5])
    assert "500 bytes: EM 0.125, Recall@1 0.900" in describe_sizes(sizes)
