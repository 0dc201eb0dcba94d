from app.figures.memory import VariantResult, ablation_figure, describe_ablation

TRIED = [VariantResult("base", 0.5, 0.1), VariantResult("m = 4", 0.3, 0.3)]


def test_right_and_shuffled_are_joined():
    lines, shuffled, right = ablation_figure(TRIED).data
    assert list(lines.x) == [0.1, 0.5, None, 0.3, 0.3, None]
    assert list(right.x) == [0.5, 0.3] and list(shuffled.x) == [0.1, 0.3]
    assert right.marker.symbol != shuffled.marker.symbol


def test_in_words():
    assert "m = 4: 0.300 with the right z, 0.300 shuffled" in describe_ablation(TRIED)
