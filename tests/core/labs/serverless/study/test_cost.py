import math

import pytest
import yaml

from core.errors import TesseraError
from core.labs.serverless.study.cost import PRICES, always_on, at_traffic, estimate, load_prices
from core.labs.serverless.study.samples import summarise
from tests.core.labs.serverless.study.conftest import record, sample


def test_the_shipped_table_is_dated_and_says_where_it_comes_from():
    prices = load_prices()
    assert len(prices.date) == 10 and prices.region and prices.gb_second > 0
    text = PRICES.read_text(encoding="utf-8")
    assert text.count("https://") >= 4 and "CHECK" in text


def test_a_cost_worked_out_by_hand():
    prices = load_prices()
    warm = [sample(float(n), 100.0) for n in range(9)]  # 1 GB x 0.1 s each
    cold = sample(9.0, 900.0, records=(record(cold=True, billed=1100, init=500.0),))
    cost = estimate(summarise([*warm, cold]), prices)
    assert cost.compute == pytest.approx(1000 * 0.1 * prices.gb_second)
    assert cost.cold == pytest.approx(1000 * 1.0 * prices.gb_second)
    assert cost.requests == pytest.approx(1000 * (prices.request + prices.api_request))
    assert cost.machine == 0 and cost.total == pytest.approx(cost.compute + cost.requests)
    assert cost.date == prices.date


def test_the_state_machine_is_paid_by_execution_and_in_whole_steps():
    prices = load_prices()
    load = summarise([sample(0.0, 130.0, machine_ms=120.0), sample(1.0, 130.0, machine_ms=140.0)])
    cost = estimate(load, prices)
    assert cost.machine == pytest.approx(1000 * 0.2 * 64 / 1024 * prices.machine_gb_second)
    assert cost.requests == pytest.approx(1000 * (prices.request + prices.api_request + prices.machine_request))


def test_failures_are_paid_for_by_the_successes():
    good = [sample(0.0, 10.0)]
    failed = sample(0.0, 10.0, "crash")
    prices = load_prices()
    assert estimate(summarise([*good, failed]), prices).total > estimate(summarise(good), prices).total
    assert estimate(summarise([failed]), prices) is None


def test_cold_starts_fade_with_traffic_and_the_machine_gets_cheaper():
    prices = load_prices()
    cold = sample(1.0, 900.0, records=(record(cold=True, billed=1100),))
    cost = estimate(summarise([sample(0.0, 100.0), cold]), prices)
    assert at_traffic(cost, 1e-9, 300) == pytest.approx(cost.total + cost.cold)
    assert at_traffic(cost, 1e9, 300) == pytest.approx(cost.total)
    month = 730 * 3600
    assert at_traffic(cost, month / 300, 300) == pytest.approx(cost.total + cost.cold * math.exp(-1))
    assert always_on(prices, 1000) == pytest.approx(prices.always_on_hour * 730)
    cheaper = [always_on(prices, 10.0**power) <= at_traffic(cost, 10.0**power, 300) for power in range(2, 10)]
    assert cheaper == sorted(cheaper) and set(cheaper) == {False, True}


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.pop("lambda"),
        lambda table: table["lambda"].update(gb_second="much"),
        lambda table: table["lambda"].update(gb_second=-1),
        lambda table: table["lambda"].update(gb_second=float("nan")),
    ],
)
def test_a_table_that_was_edited_wrongly_is_a_sentence(tmp_path, change):
    table = yaml.safe_load(PRICES.read_text(encoding="utf-8"))
    change(table)
    path = tmp_path / "prices.yaml"
    path.write_text(yaml.safe_dump(table), encoding="utf-8")
    with pytest.raises(TesseraError, match=r"prices\.yaml"):
        load_prices(path)


def test_a_table_that_is_no_yaml_is_a_sentence(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text("lambda: [", encoding="utf-8")
    with pytest.raises(TesseraError, match="cannot be used"):
        load_prices(path)
