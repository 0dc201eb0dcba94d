from pathlib import Path

import pytest

from core.errors import TesseraError
from core.settings import Settings


def test_defaults_need_no_environment(tmp_path, monkeypatch):
    for name in ("MODEL", "DEVICE", "TOP_K", "READER", "REDIS_FOLDER"):
        monkeypatch.delenv(f"TESSERA_{name}", raising=False)
    assert Settings.from_environment(tmp_path / "absent") == Settings()


def test_the_environment_wins_over_the_env_file(tmp_path, monkeypatch):
    env = tmp_path / ".env"
    env.write_text("TESSERA_TOP_K=7\nTESSERA_DEVICE=cpu\nTESSERA_HOME=~/models\nTESSERA_READER=no\n")
    for name in ("TOP_K", "HOME", "READER"):
        monkeypatch.setenv(f"TESSERA_{name}", "x")  # so that what .env sets is undone after the test
        monkeypatch.delenv(f"TESSERA_{name}")
    monkeypatch.setenv("TESSERA_DEVICE", "auto")
    settings = Settings.from_environment(env)
    assert (settings.top_k, settings.device, settings.reader) == (7, "auto", False)
    assert settings.home == Path.home() / "models"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TOP_K", "many", "whole number"),
        ("TOP_K", "0", "at least 1"),
        ("DEVICE", "tpu", "cuda"),
        ("READER", "maybe", "1"),
    ],
)
def test_a_wrong_value_is_named(tmp_path, monkeypatch, name, value, says):
    monkeypatch.setenv(f"TESSERA_{name}", value)
    with pytest.raises(TesseraError) as caught:
        Settings.from_environment(tmp_path / "absent")
    assert value in str(caught.value) and says in str(caught.value)
