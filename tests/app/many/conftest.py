"""A real server in a process of its own, on the tiny models, and what it tells of itself."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core import pipeline
from core.methods import registry
from core.methods.base import answer
from core.methods.resources import Resources
from core.settings import ROOT, Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.app.many.stage import HOLD, PULSE
from tests.app.many.tab import PATIENCE_S, Tab
from tests.models import TinyModels

WORDS = 16
PROXY = "tessera.example.org"
CACHE_BYTES = 400_000


@dataclass(frozen=True)
class Served:
    """The server of the tests.

    Attributes:
        port: On this machine.
        pulse: File in which it tells how it is doing.
        workspaces: Its workspaces; "sample" can answer.
        models: The same models, in this process.
        process: Its number.
        beyond: File in which it tells to which addresses beyond this machine it turned.
    """

    port: int
    pulse: Path
    workspaces: Path
    models: TinyModels
    beyond: Path
    process: int

    def tab(self, page: str = "", query: str = "") -> Tab:
        return Tab(self.port, page, query)

    def vitals(self) -> dict:
        return json.loads(self.pulse.read_text())

    def until(self, holds, what: str) -> dict:
        """Waits until something is true of the server's vitals."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(vitals := self.vitals()):
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}; {vitals}"
            time.sleep(0.05)
        return vitals

    @contextmanager
    def somebody_else_has_the_turn(self) -> Iterator[None]:
        gate = self.pulse.with_name("hold")
        gate.touch()
        try:
            self.until(lambda vitals: vitals["people"] == 1, "the turn is taken")
            yield
        finally:
            gate.unlink()

    def answers_of(self, method: str, passages: Mapping[str, int]) -> dict[str, str]:
        """What a method says to each question, from so many passages, when it is alone in the world."""
        ws = Workspace(self.workspaces / "sample")
        opened = {
            top_k: registry.open_method(method, Resources(ws, self.models, replace(self.models.settings, top_k=top_k)))
            for top_k in set(passages.values())
        }
        return {question: answer(opened[top_k], question).text for question, top_k in passages.items()}


@pytest.fixture(scope="module")  # a kept run of another file changes which view a page opens on
def served(tmp_path_factory, tiny_lm, tiny_encoder, tiny_corpus):
    folder = tmp_path_factory.mktemp("many")
    chosen = {
        "TESSERA_WORKSPACES": str(folder / "workspaces"),
        "TESSERA_READER": "0",
        "TESSERA_MAX_NEW_TOKENS": str(WORDS),
        "TESSERA_CELL_TOKENS": "400",
        "TESSERA_CACHE_BYTES": str(CACHE_BYTES),
        "TESSERA_ALLOWED_HOSTS": PROXY,
    }
    settings = Settings(
        workspaces=folder / "workspaces", reader=False, max_new_tokens=WORDS, cell_tokens=400, cache_bytes=CACHE_BYTES
    )
    models = TinyModels(settings, tiny_lm, tiny_encoder)
    ws = Workspace(settings.workspaces / "sample")
    list(pipeline.prepare_corpus(ws, models, tiny_corpus))
    list(pipeline.cluster(ws, models, models.settings, PartitionConfig(auto_k=False, k=3, cell_tokens=4000)))
    list(pipeline.blocks(ws, models, models.settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    beyond = folder / "beyond.txt"
    command = (sys.executable, "-m", "tests.app.many.watched", str(beyond), "run", "tests/app/many/tiny_main.py")
    options = ("--server.port", str(port), "--server.headless", "true", "--server.websocketPingInterval", "600")
    environment = {**os.environ, **chosen, PULSE: str(folder / "pulse.json"), HOLD: str(folder / "hold")}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen((*command, *options), cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        with Tab(port) as first:
            first.settled()  # the pulse begins with the first page
        yield Served(port, folder / "pulse.json", settings.workspaces, models, beyond, process.pid)
    finally:
        process.kill()  # it keeps nothing that an orderly end would save
        process.wait(PATIENCE_S)


def wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(address)
