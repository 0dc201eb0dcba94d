"""Pages of a workspace without passages: why there is nothing yet, and both ways to begin."""

import pytest

from tests.pages.conftest import button, said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("caches", ""),
        ("evaluate", "nothing to ask about"),
        ("map", "nothing to draw"),
        ("plan", "nothing to plan with"),
        ("serverless", "nothing to search"),
        ("stores", "nothing to search"),
    ],
)
def test_without_passages_a_page_offers_both_ways(name, why, page, workspace, models):
    app = page(name)
    assert why in said(app)
    assert button(app, "build-sample") and button(app, "go-bring")


@pytest.mark.parametrize("name", ["changes", "evaluate", "plan", "serverless", "stores"])
def test_without_passages_a_page_shows_the_run_of_the_sample_that_ships(name, page, workspace, models):
    text = said(page(name))
    assert "with the sample" in text and "this run ships with Tessera" in text


@pytest.mark.parametrize("name", ["compare", "map"])
def test_without_passages_a_page_shows_its_picture(name, page, workspace, models):
    app = page(name)
    assert "with the sample" in said(app) and len(app.get("image")) == 1
