"""Plans from a real run on the tiny models, and their arithmetic on round numbers."""

import json
import math
from dataclasses import replace

import pytest

from core.errors import TesseraError
from core.labs.benchmarks import stores, workloads
from core.labs.plan import plan as planning
from core.labs.plan.check import check, check_indexes
from core.labs.plan.coefficients import CAG, MEMORY, RAG, Coefficients, coefficients, looked_at
from core.labs.plan.memory_advice import memory_advice, memory_limit
from core.labs.plan.plan import SHAPES, Demand, advice, pace, pays
from core.labs.plan.prices import PRICES, load_prices
from core.workspace import Workspace
from tests.core.evaluation.conftest import finished, plan, resources  # noqa: F401  (fixtures)
from tests.core.methods.conftest import built, models  # noqa: F401  (fixtures)

ROUND = Coefficients(
    run="eval-x", model="smollm2-135m", machine="this", n=10, passages=100, tokens=100, read=3, question=20, answer=10,
    text=500, vector=1536, kv_token=23_040, z=0, key=0, compared=0, embed=0.01, block_token=0.001, look_up=0, learn=0,
    encode=0.01, search=0.001, route=0, load_byte=1e-9, prefill_token=0.002, decode_token=0.05, memory_tokens=0,
    recall_tokens=0, quality={},
)  # fmt: skip
DEMAND = Demand(passages=1000, qps=1, day=1000)


def test_the_arithmetic_of_rag_and_cag():
    find = 0.01 + 0.001 + looked_at(1000) * 1536 / 80e9
    rag, cag = planning.plan(DEMAND, ROUND, load_prices())
    assert rag.ttft_s == pytest.approx(find + 320 * 0.002)
    assert cag.ttft_s == pytest.approx(find + 300 * 23_040e-9 + 20 * 0.002)
    assert rag.stored == 1000 * (500 + 1536) and cag.stored == 1000 * (100 * 23_040 + 1536)
    assert cag.build_s == pytest.approx(1000 * (0.01 + 100 * 0.001)) and rag.build_s == pytest.approx(10)
    assert rag.machines == math.ceil(rag.total_s / 0.7)
    hour = load_prices().machines["cpu"].hour
    assert rag.month == pytest.approx(rag.machines * hour * 730 + rag.stored / 1e9 * 0.08)
    found = pays(cag, rag)
    assert found.questions == math.ceil(100 / (rag.total_s - cag.total_s))


def test_the_arithmetic_of_memory():
    known = replace(ROUND, z=2304, key=512, compared=1e4, route=0.03, memory_tokens=140, recall_tokens=7, shared=12.6e6)
    memory = planning.plan(DEMAND, known, load_prices())[2]
    assert (memory.stored, memory.held) == (1000 * 2304 + 12.6e6, 1000 * 512)
    compared = known.question * 0.002 * 1e4 / planning.shape_of(DEMAND.model).parameters
    assert memory.ttft_s == pytest.approx(0.03 + 1000 * compared + 140 * 0.002 + 7 * 0.05)


def test_z_that_are_looked_up_cost_a_moment_each_and_their_training_once():
    known = replace(ROUND, z=2304, key=512, compared=1e4, memory_tokens=140)
    prices, moving = load_prices(), replace(DEMAND, changes=1000)
    looked_up = planning.plan(moving, replace(known, look_up=0.01, trained=7000.0), prices)[2]
    assert looked_up.build_s == pytest.approx(7000 + 1000 * 0.01) and "routing" in looked_up.breaks
    by_training = planning.plan(moving, replace(known, learn=60.0), prices)[2]
    assert by_training.build_s == pytest.approx(1000 * 60.0) and "training: 60.0 s" in by_training.breaks
    hour = prices.machines["cpu"].hour
    assert looked_up.month == pytest.approx(by_training.month - 1000 * 52 / 12 * (60.0 - 0.01) / 3600 * hour)
    grown = SHAPES["qwen3-8b"].parameters / SHAPES["smollm2-135m"].parameters
    larger = planning.plan(replace(DEMAND, model="qwen3-8b"), replace(known, look_up=0.01, trained=7000.0), prices)[2]
    assert larger.build_s == pytest.approx(7000 * grown + 1000 * 0.01)  # a vocabulary is looked up as fast


def test_changes_are_renewed_every_week():
    still, moving = (planning.plan(replace(DEMAND, changes=n), ROUND, load_prices())[1] for n in (0, 1000))
    hour = load_prices().machines["cpu"].hour
    assert moving.month - still.month == pytest.approx(1000 * 52 / 12 * 0.11 / 3600 * hour)


def test_another_model_and_machine_go_by_operations_and_bandwidth():
    prices = load_prices()
    large = replace(DEMAND, model="qwen3-8b")
    grown = SHAPES["qwen3-8b"].parameters / SHAPES["smollm2-135m"].parameters
    assert pace(large, ROUND, prices).prefill == pytest.approx(0.002 * grown)
    gpu = pace(replace(large, machine="gpu"), ROUND, prices)
    assert gpu.prefill == pytest.approx(2 * SHAPES["qwen3-8b"].parameters / 350e12)
    assert gpu.load == pytest.approx(1 / 5e9)


def test_a_billion_passages_need_machines_for_their_vectors_and_never_a_flat_search():
    rag = planning.plan(replace(DEMAND, passages=1e9), ROUND, load_prices())[0]
    assert rag.machines >= math.ceil(1e9 * 1536 / 64e9) and rag.ttft_s < 5


def test_the_advice_names_what_it_weighs():
    prices = load_prices()
    assert "Cache:" in advice(DEMAND, planning.plan(DEMAND, ROUND, prices), "USD")
    dear = load_prices()
    dear = replace(dear, disk_gb_month=1e6)
    assert advice(DEMAND, planning.plan(DEMAND, ROUND, dear), "USD").startswith("Do not cache for the money")
    slow = replace(ROUND, load_byte=1e-5)
    assert advice(DEMAND, planning.plan(DEMAND, slow, prices), "USD").startswith(
        "Do not cache: a question takes no less"
    )


def test_a_memory_pays_up_to_the_number_of_passages_at_which_its_first_token_is_as_late_as_that_of_rag():
    known = replace(ROUND, z=2304, key=512, compared=1e4, route=0.03, memory_tokens=140, learn=60.0)
    prices = load_prices()
    limit = memory_limit(DEMAND, known, prices)
    for passages, pays_off in ((0.9 * limit, True), (1.1 * limit, False)):
        demand = replace(DEMAND, passages=passages)
        rag, _, memory = plans = planning.plan(demand, known, prices)
        assert (memory.ttft_s < rag.ttft_s) is pays_off
        advised = memory_advice(demand, plans, known, prices)
        assert ("pays where disk is scarce" in advised) is pays_off
        assert f"{float(f'{limit:.2g}'):,.0f} passages" in advised
        if pays_off:
            assert f"after {pays(memory, rag).questions:,} questions" in advised
    slow = replace(known, route=9.0)
    assert memory_limit(DEMAND, slow, prices) == 0
    assert "more passages make it slower" in memory_advice(DEMAND, planning.plan(DEMAND, slow, prices), slow, prices)
    assert memory_advice(DEMAND, planning.plan(DEMAND, ROUND, prices), ROUND, prices) is None


@pytest.mark.parametrize(
    "changed", [{"passages": 0}, {"qps": 0}, {"day": -1}, {"model": "gpt-9"}, {"changes": float("nan")}]
)
def test_what_cannot_be_planned_is_refused(changed):
    with pytest.raises(TesseraError):
        replace(DEMAND, **changed)


def test_an_unknown_machine_and_a_broken_table_are_sentences(tmp_path):
    with pytest.raises(TesseraError, match="no machine 'abacus'"):
        planning.plan(replace(DEMAND, machine="abacus"), ROUND, load_prices())
    broken = tmp_path / "prices.yaml"
    broken.write_text(PRICES.read_text().replace("hour: 0.68", "hour: much"))
    with pytest.raises(TesseraError, match="no table of prices"):
        load_prices(broken)


def test_coefficients_come_from_a_run_and_foretell_its_own_workspace(finished, resources):  # noqa: F811
    with pytest.raises(TesseraError, match="No evaluation"):
        coefficients(resources.workspace)
    folder = finished("rag,cag,memory")
    found = coefficients(resources.workspace)
    assert (found.run, found.model, found.passages) == (folder.name, "tiny", 11)
    assert min(found.tokens, found.kv_token, found.block_token, found.prefill_token, found.load_byte, found.z) > 0
    assert set(found.quality) == {CAG, MEMORY} and RAG not in found.quality
    files = resources.workspace.manifest("memory").files
    assert found.shared == sum(files.values()) - files["pool.safetensors"] - files["memory.json"]
    known = replace(found, model="smollm2-135m")  # what another model costs follows from its name
    checked = {one.what: one.error for one in check(known, load_prices(), resources.workspace)}
    assert checked["tokens"] == pytest.approx(0) and checked["bytes of blocks"] == pytest.approx(0)
    assert abs(checked["seconds of blocks"]) < 1e-6
    assert {f"ms to the first token, {name}" for name in (RAG, CAG, MEMORY)} < checked.keys()
    assert abs(checked["ms to the first token, rag"]) < 0.9
    assert json.dumps(checked)


def test_indexes_alone_are_checked_by_the_search_bench(tmp_path):
    ws, prices = Workspace(tmp_path / "w"), load_prices()
    assert check_indexes(ROUND, prices, ws) == []
    list(stores.run(ws, [lambda: workloads.synthetic(600, 384, 5)], ["faiss-flat", "faiss-ivf"]))
    size, search = check_indexes(ROUND, prices, ws)
    assert (size.passages, size.predicted) == (600, 600 * 1536)
    assert size.measured > size.predicted and -0.5 < size.error < 0  # the file also names its rows
    predicted = 1000 * (0.001 + looked_at(600) * 1536 / (prices.machines["cpu"].memory_gb_s * 1e9))
    rows = [row for row in stores.load(ws).tested[0].rows if row.options == {"nprobe": 16}]
    assert search.predicted == pytest.approx(predicted) and search.measured == rows[0].p50_ms
    slow = replace(ROUND, scan_byte=1e-9)  # as a bench has measured it: it goes before the table's
    assert check_indexes(slow, prices, ws)[1].predicted == pytest.approx(1000 * (0.001 + looked_at(600) * 1536e-9))
