"""The ``gradio`` command on tiny models, with questions under way: ``python -m tests.app.gradio.busy_front``."""

import socket
import sys
import threading
import time
from dataclasses import replace

import httpx
import torch
from gradio_client import Client

from app.cli import servers as command
from app.cli.common import drive
from core import pipeline
from core.models import registry
from core.models.encoder import Vectors
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.conftest import tiny_corpus
from tests.encoder import TinyEncoder
from tests.models import TinyModels, tiny_language_model
from tests.turns import queued

QUESTION = "Who drew the library maps?"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class SlowEncoder(TinyEncoder):
    """Computes about as long over a question as a real model over a long prompt, in one operation."""

    slow = False

    def encode_query(self, text: str) -> Vectors:
        if self.slow:
            torch.ones(4000, 4000) @ torch.ones(4000, 4000)
        return super().encode_query(text)


def ask(port: int, models: TinyModels) -> None:
    while True:
        try:
            client = Client(f"http://127.0.0.1:{port}/", verbose=False)
            break
        except httpx.TransportError:
            time.sleep(0.1)
    for _ in range(3):
        client.submit(QUESTION, ["rag", "cag"], 3, api_name="/compare_stream")
        client.submit("pears", 2, api_name="/search_passages")
    while not queued(models.lock):
        time.sleep(0.01)
    time.sleep(0.3)
    sys.stdout.write("busy\n")
    sys.stdout.flush()


def main() -> None:
    settings = replace(Settings.from_environment(), reader=False, max_new_tokens=400, cell_tokens=400)
    encoder = SlowEncoder()
    models = TinyModels(settings, tiny_language_model(), encoder)
    ws = Workspace(settings.workspaces / "sample")
    drive(pipeline.prepare_corpus(ws, models, tiny_corpus.__wrapped__()))
    drive(pipeline.cluster(ws, models, settings, PartitionConfig(auto_k=False, k=3, cell_tokens=4000)))
    drive(pipeline.cache(ws, models, settings))
    encoder.slow = True
    registry.Models = lambda settings: models
    port = free_port()
    threading.Thread(target=ask, args=(port, models), daemon=True).start()
    try:
        command.gradio(port=port, mcp=True, waiting=20, workspace="sample")
    finally:
        sys.stdout.write(f"computing: {queued(models.lock)}\n")


if __name__ == "__main__":
    main()
