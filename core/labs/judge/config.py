"""Who judges: a model on an OpenAI-compatible server, and the environment in which Ragas lives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from core.errors import TesseraError
from core.messages import message
from core.models.server import Server
from core.settings import ROOT, Settings

KEY_VARIABLE = "TESSERA_JUDGE_KEY"
"""Where the judging process finds the server's key."""
RAGAS = ROOT / ".venv-ragas"
_HOW = "Set TESSERA_JUDGE_URL and TESSERA_JUDGE_MODEL to an OpenAI-compatible server."


@dataclass(frozen=True)
class Judge:
    """A judge model.

    Attributes:
        embeddings: Name of an embedding model there, for answer relevancy; empty leaves that metric out.
    """

    server: Server
    embeddings: str = ""

    @classmethod
    def from_settings(cls, settings: Settings) -> Judge:
        """The judge that the settings name.

        Raises:
            TesseraError: They name none.
        """
        if not (settings.judge_url or settings.engine_url):
            raise TesseraError("No judge is named.", _HOW)
        return cls(Server.judging(settings), settings.judge_embeddings)

    @property
    def name(self) -> str:
        """Model and host, for people."""
        return self.server.name

    @property
    def fingerprint(self) -> str:
        """Tells judges apart whose scores must not be mixed."""
        facts = f"{self.server.url}\n{self.server.model}\n{self.embeddings}"
        return hashlib.sha256(facts.encode()).hexdigest()[:12]


def ragas_python(environment: Path = RAGAS) -> Path:
    """The interpreter beside which Ragas is installed.

    Raises:
        TesseraError: There is none.
    """
    python = environment / "bin" / "python"
    if not python.is_file() or not (environment / ".installed").is_file():
        what = message("Ragas is not installed in {folder}.", folder=environment)
        raise TesseraError(what, "Run `make ragas` once (about 1 GB of disk).")
    return python
