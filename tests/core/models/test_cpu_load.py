"""What other programs take of the processor."""

from collections import namedtuple

import pytest

from core.models import cpu_load
from core.models.cpu_load import WHOLE_PAGE_S, OtherLoad, until_quiet

Times = namedtuple("Times", "user nice system idle iowait")
Own = namedtuple("Own", "user system")


class Machine:
    """Two cores and a clock, on which others and this process use what a test says."""

    def __init__(self, monkeypatch, threads=2, cores=2):
        self.seconds, self.others, self.own, self.others_use = 0.0, 0.0, 0.0, 0.0
        self.cores = cores
        monkeypatch.setattr(cpu_load.time, "perf_counter", lambda: self.seconds)
        monkeypatch.setattr(cpu_load.time, "sleep", self.pass_time)
        monkeypatch.setattr(cpu_load.torch, "get_num_threads", lambda: threads)
        monkeypatch.setattr(cpu_load.psutil, "cpu_count", lambda: cores)
        monkeypatch.setattr(cpu_load.psutil, "cpu_times", self._cpu_times)
        monkeypatch.setattr(cpu_load.psutil, "Process", lambda: self)

    def pass_time(self, seconds, own=0.0):
        self.seconds += seconds
        self.others += self.others_use * seconds
        self.own += own * seconds

    def cpu_times(self):
        return Own(self.own, 0.0)

    def _cpu_times(self):
        busy = self.others + self.own
        return Times(busy, 0.0, 0.0, self.cores * self.seconds - busy, 0.0)


@pytest.mark.parametrize(
    ("threads", "cores", "others", "missing"),
    [(2, 2, 0.0, 0.0), (2, 2, 0.7, 0.7), (4, 8, 3.0, 0.0), (4, 8, 5.5, 1.5), (2, 8, 9.0, 2.0)],
)
def test_cores_are_missing_only_where_the_model_would_have_used_them(monkeypatch, threads, cores, others, missing):
    machine = Machine(monkeypatch, threads, cores)
    found = OtherLoad()
    machine.others_use = others
    machine.pass_time(0.5, own=threads)
    assert found.missing() == pytest.approx(missing)


def test_nothing_is_missing_before_time_has_passed(monkeypatch):
    Machine(monkeypatch)
    assert OtherLoad().missing() == 0.0


def test_a_quiet_machine_is_looked_at_once(monkeypatch):
    machine = Machine(monkeypatch)
    until_quiet()
    assert machine.seconds == pytest.approx(0.08)


def test_a_machine_that_is_always_busy_is_not_waited_for_for_ever(monkeypatch):
    machine = Machine(monkeypatch)
    machine.others_use = 1.5
    until_quiet()
    assert machine.seconds == pytest.approx(0.4)


def test_a_page_that_is_drawn_anew_is_waited_for_longer_than_an_answer(monkeypatch):
    machine = Machine(monkeypatch)
    machine.others_use = 1.5
    until_quiet(WHOLE_PAGE_S)
    assert machine.seconds == pytest.approx(1.2)


def test_a_browser_that_comes_to_rest_is_waited_for(monkeypatch):
    machine = Machine(monkeypatch)
    machine.others_use = 1.0
    real = machine.pass_time

    def rest_after_a_while(seconds):
        real(seconds)
        machine.others_use = 0.0 if machine.seconds > 0.1 else 1.0

    monkeypatch.setattr(cpu_load.time, "sleep", rest_after_a_while)
    until_quiet()
    assert 0.1 < machine.seconds < 0.4
