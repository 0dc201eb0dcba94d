"""What a saved run says in words is in the language of whoever reads it."""

import pytest

from app import i18n


@pytest.mark.parametrize(
    "said, shown",
    [("CPU, 1 thread", "CPU, 스레드 1개"), ("CPU, 16 threads", "CPU, 스레드 16개"), ("NVIDIA X", "NVIDIA X")],
)
def test_the_device_of_a_saved_run_is_named_in_korean(said, shown, monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "ko")
    assert i18n.device_name(said) == shown
