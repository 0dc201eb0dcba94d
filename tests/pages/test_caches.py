from app import state
from core.kvcache.variants import list_variants
from core.methods import comparison
from core.methods.base import answer
from core.methods.resources import Resources
from tests.pages.conftest import button, said, wait_for_job


def test_without_cells_it_leads_to_the_map(page, prepared, models):
    app = page("caches")
    assert "no cells to cache" in said(app)
    assert not app.dataframe


def test_one_click_builds_them(page, clustered, models):
    app = page("caches")
    assert set(app.dataframe[0].value["state"]) == {"○ not built"}
    button(app, "cache-build").click().run()
    assert wait_for_job(clustered.path).state.value == "done"
    app.run()
    assert set(app.dataframe[0].value["state"]) == {"✓ ready"}
    assert {entry.label: entry.value for entry in app.metric}["Ready"] == "11 of 11"


def test_whole_cells_are_one_click_away(page, clustered, models):
    app = page("caches")
    app.button_group(key="caches_kind").set_value("caches").run()
    button(app, "cache-build").click().run()
    assert wait_for_job(clustered.path).state.value == "done"
    app.run()
    assert {entry.label: entry.value for entry in app.metric}["Ready"] == "3 of 3"
    assert clustered.state("caches").status == "ready" and clustered.state("blocks").status == "missing"


def test_built_caches_show_what_they_weigh(page, cached, models):
    app = page("caches")
    weighed = sum(found.bytes for found in list_variants(cached, "blocks")[0].store().states()) / 1e6
    assert abs(app.dataframe[0].value["cache"].sum() - weighed) < 1e-6
    assert "times" in said(app)
    assert button(app, "cache-build").disabled


def test_a_cell_cut_short_is_damaged_and_can_be_rebuilt(page, cached, models):
    victim = max(cached.folder("blocks").glob("*/*.safetensors"), key=lambda path: path.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-100])
    app = page("caches")
    assert list(app.dataframe[0].value["state"]).count("✗ damaged") == 1
    assert any("out of date" in warning.value for warning in app.warning)
    button(app, "cache-build").click().run()
    assert wait_for_job(cached.path).state.value == "done"
    assert "✗ damaged" not in list(app.run().dataframe[0].value["state"])


def test_caches_of_two_precisions_stand_beside_each_other_and_one_can_be_deleted(page, cached, models):
    app = page("caches")
    app.selectbox(key="caches_precision").set_value("int8").run()
    assert not button(app, "cache-build").disabled
    button(app, "cache-build").click().run()
    assert wait_for_job(cached.path).state.value == "done"
    app.run()
    assert len(list_variants(cached, "blocks")) == 2
    assert "kept in int8" in "".join(app.selectbox(key="caches_shown").options)
    small, large = (variant.bytes for variant in list_variants(cached, "blocks"))
    assert small < large / 2
    app.selectbox(key="caches_doomed").set_value(list_variants(cached, "blocks")[0].name).run()
    button(app, "cache-delete").click().run()
    assert [variant.manifest.params["native"] for variant in list_variants(cached, "blocks")] == [True]


def test_what_is_in_memory_is_shown(page, cached, models, monkeypatch):
    monkeypatch.setattr(comparison, "warm_up", lambda method: None)
    cag = state.open_methods().open("cag", Resources(cached, models, models.settings))
    answer(cag, "Who planted the pear orchard?")
    answer(cag, "Who planted the pear orchard?")
    app = page("caches")
    blocks = models.settings.top_k
    assert f"In memory now: **{blocks} blocks**" in said(app)
    assert f"{blocks} hits, {blocks} read from disk" in said(app)


def test_a_damaged_manifest_is_an_error_with_a_remedy(page, cached, models):
    (cached.folder("partition") / "manifest.json").write_text("{", encoding="utf-8")
    app = page("caches")
    assert any("damaged" in error.value for error in app.error)


def test_it_speaks_korean(page, cached, models):
    app = page("caches", lang="ko")
    assert not app.exception
    assert set(app.dataframe[0].value["state"]) == {"✓ 준비됨"}
    assert {entry.label: entry.value for entry in app.metric}["준비됨"] == "11 중 11"
    assert "키와 값의 무게는 글의" in said(app) and "이것을 열어 둔 방식이 없습니다" in said(app)
