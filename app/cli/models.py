"""``models``: have the language model and the encoder ready on this machine."""

from __future__ import annotations

from app.cli.common import JsonOption, console, emit, reporting
from core.settings import Settings


def models(as_json: JsonOption = False) -> None:
    """Fetch the configured language model and encoder, unless they are here already."""
    from core.models.download import locate

    with reporting(as_json):
        settings = Settings.from_environment()
        found = {"model": settings.model, "encoder": settings.encoder}
        folders = {role: str(locate(name, settings.home)) for role, name in found.items()}
        if as_json:
            emit({role: {"name": found[role], "folder": folder} for role, folder in folders.items()})
        else:
            for role, folder in folders.items():
                console.print(f"{role}: {found[role]} in {folder}", soft_wrap=True)
