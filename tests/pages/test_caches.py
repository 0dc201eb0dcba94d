from core.kvcache.variants import list_variants
from tests.pages.conftest import button, said, wait_for_job


def test_without_cells_it_leads_to_the_map(page, prepared, models):
    app = page("caches")
    assert "no cells to cache" in said(app)
    assert not app.dataframe


def test_without_passages_it_leads_to_the_corpus(page, workspace, models):
    assert any("Bring documents" in link.label for link in page("caches").get("page_link"))


def test_one_click_builds_them(page, clustered, models):
    app = page("caches")
    assert set(app.dataframe[0].value["state"]) == {"○ not built"}
    button(app, "cache-build").click().run()
    assert wait_for_job(clustered.path).state.value == "done"
    app.run()
    assert set(app.dataframe[0].value["state"]) == {"✓ ready"}
    assert {entry.label: entry.value for entry in app.metric}["Cells ready"] == "3 of 3"


def test_built_caches_show_what_they_weigh(page, cached, models):
    app = page("caches")
    weighed = sum(found.bytes for found in list_variants(cached)[0].store().states()) / 1e6
    assert abs(app.dataframe[0].value["cache"].sum() - weighed) < 1e-6
    assert "times" in said(app)
    assert len(app.get("plotly_chart")) == 1
    assert button(app, "cache-build").disabled


def test_a_cell_cut_short_is_damaged_and_can_be_rebuilt(page, cached, models):
    victim = max(cached.folder("caches").glob("*/*.safetensors"), key=lambda path: path.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-100])
    app = page("caches")
    assert list(app.dataframe[0].value["state"]).count("✗ damaged") == 1
    assert any("out of date" in warning.value for warning in app.warning)
    button(app, "cache-build").click().run()
    assert wait_for_job(cached.path).state.value == "done"
    assert "✗ damaged" not in list(app.run().dataframe[0].value["state"])


def test_a_damaged_manifest_is_an_error_with_a_remedy(page, cached, models):
    (cached.folder("partition") / "manifest.json").write_text("{", encoding="utf-8")
    app = page("caches")
    assert any("damaged" in error.value for error in app.error)
