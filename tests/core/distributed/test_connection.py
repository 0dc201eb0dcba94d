"""What is said where there is no Ray, or no cluster."""

import sys

import pytest

from core.distributed.connection import connected
from core.errors import TesseraError


def test_without_ray_the_remedy_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as an import of what is not installed
    with pytest.raises(TesseraError, match="make scale"), connected(""):
        pass


@pytest.mark.slow
def test_without_a_cluster_the_remedy_starts_one():
    pytest.importorskip("ray", reason="Ray is not installed; `make scale` installs it")
    with pytest.raises(TesseraError, match="ray start --head"), connected("127.0.0.1:1"):
        pass
