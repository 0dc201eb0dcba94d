"""What is said where there is no Ray, or no cluster."""

import os
import sys

import pytest

from core.distributed.connection import _bring_token, connected
from core.errors import TesseraError
from core.settings import Settings


def test_without_ray_the_remedy_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as an import of what is not installed
    with pytest.raises(TesseraError, match="make scale"), connected(Settings()):
        pass


@pytest.mark.slow
def test_without_a_cluster_the_remedy_starts_one():
    pytest.importorskip("ray", reason="Ray is not installed; `make scale` installs it")
    with pytest.raises(TesseraError, match="ray start --head"), connected(Settings(ray_address="127.0.0.1:1")):
        pass


def test_a_ray_of_tesseras_own_has_a_token_that_binds_no_other(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "")  # so that it is as before when the test ends
        monkeypatch.delenv(name)
    own = tmp_path / ".ray" / "auth_token"
    own.parent.mkdir()
    own.write_text("a person's")
    _bring_token(tmp_path / "home")
    assert "RAY_AUTH_MODE" not in os.environ  # a person's own goes before it
    own.unlink()
    _bring_token(tmp_path / "home")
    path = tmp_path / "home" / "ray-token"
    assert (os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN_PATH"]) == ("token", str(path))
    assert len(path.read_text()) == 64 and path.stat().st_mode & 0o077 == 0 and not own.exists()
