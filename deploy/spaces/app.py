"""The Gradio front as a Hugging Face Space: builds the sample workspace if it is missing, then serves it.

    python deploy/spaces/app.py     # runs the same on any machine

Spaces sets GRADIO_SERVER_NAME to the address at which its own proxy reaches the container.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.cli.common import drive  # noqa: E402
from app.gradio_front.serve import LOOPBACK, PORT, serve  # noqa: E402
from core.models.bundle import Models  # noqa: E402
from core.pipeline import build_sample  # noqa: E402
from core.settings import Settings  # noqa: E402
from core.workspace import open_workspace  # noqa: E402


def main() -> None:
    """Builds what is missing and serves until the end of the process."""
    settings = Settings.from_environment()
    models = Models(settings)
    ws = open_workspace("sample", settings.workspaces)
    drive(build_sample(ws, models))
    port = int(os.environ.get("GRADIO_SERVER_PORT", PORT))
    _, demo = serve(ws, models, port=port, mcp=True, host=os.environ.get("GRADIO_SERVER_NAME", LOOPBACK))
    demo.block_thread()


if __name__ == "__main__":
    main()
