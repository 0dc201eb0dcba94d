import pytest

from app.figures.palette import SPANS, ink_on, method_style, span_colour
from core.methods.registry import METHODS


def contrast(ink, ground):
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", sorted({*SPANS.values(), *(spec.style.colour for spec in METHODS.values())}))
def test_numbers_on_bars_are_readable(colour):
    assert contrast(ink_on(colour), colour) >= 4.0


@pytest.mark.parametrize("colour", sorted({spec.style.colour for spec in METHODS.values()}))
@pytest.mark.parametrize("ground", ["#fdfcf9", "#15181b"])
def test_methods_stand_out_in_light_and_dark(colour, ground):
    assert contrast(colour, ground) >= 3.0


def test_methods_differ_in_more_than_colour():
    assert len({spec.style.marker for spec in METHODS.values()}) == len(METHODS)
    assert len({spec.style.icon for spec in METHODS.values()}) == len(METHODS)


def test_unknown_names_get_a_stable_colour():
    assert span_colour("rerank") == span_colour("rerank")
    assert method_style("unheard of").colour not in {spec.style.colour for spec in METHODS.values()}
