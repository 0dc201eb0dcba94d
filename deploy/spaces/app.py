"""The Gradio front as a Hugging Face Space: builds the sample workspace if it is missing, then serves it.

    python deploy/spaces/app.py     # runs the same on any machine

Spaces sets GRADIO_SERVER_NAME to the address at which its own proxy reaches the container, and SPACE_HOST to the name
under which people do.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.cli.common import drive, until_interrupted  # noqa: E402
from app.gradio.serve import PORT, GradioFront  # noqa: E402
from core.models.registry import Models  # noqa: E402
from core.pipeline import build_sample  # noqa: E402
from core.settings import Settings  # noqa: E402
from core.web import LOOPBACK  # noqa: E402
from core.workspace import open_workspace  # noqa: E402


def main() -> None:
    """Builds what is missing and serves until the end of the process."""
    settings = Settings.from_environment()
    models = Models(settings)
    ws = open_workspace("sample", settings.workspaces)
    drive(build_sample(ws, models, settings))
    port, host = int(os.environ.get("GRADIO_SERVER_PORT", PORT)), os.environ.get("GRADIO_SERVER_NAME", LOOPBACK)
    names = ",".join(filter(None, (settings.allowed_hosts, os.environ.get("SPACE_HOST"))))
    front = GradioFront(ws, models, replace(settings, allowed_hosts=names), port=port, mcp=True, host=host)
    until_interrupted()
    front.close()


if __name__ == "__main__":
    main()
