"""Who judges: an OpenAI-compatible endpoint, and the environment in which Ragas lives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import TesseraError
from core.settings import ROOT, Settings

KEY_VARIABLE = "TESSERA_JUDGE_KEY"
"""Where the endpoint's key is read from, by the judging process alone; it is in no trace, manifest or export."""
RAGAS = ROOT / ".venv-ragas"
_HOW = "Set TESSERA_JUDGE_URL and TESSERA_JUDGE_MODEL to an OpenAI-compatible endpoint."


@dataclass(frozen=True)
class Judge:
    """A judge model.

    Attributes:
        url: Base address of the endpoint, such as "http://127.0.0.1:11434/v1".
        model: The model's name there.
        embeddings: Name of an embedding model there, for answer relevancy; empty leaves that metric out.
        timeout_s: Longest wait for a reply.

    Raises:
        TesseraError: The address is none, or no model is named.
    """

    url: str
    model: str
    embeddings: str = ""
    timeout_s: int = 60

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TesseraError(f"{self.url!r} is no address of a judge." if self.url else "No judge is named.", _HOW)
        if not self.model.strip():
            raise TesseraError("No model is named for the judge.", "Set TESSERA_JUDGE_MODEL.")

    @classmethod
    def from_settings(cls, settings: Settings) -> Judge:
        """The judge that the settings name.

        Raises:
            TesseraError: They name none.
        """
        return cls(settings.judge_url, settings.judge_model, settings.judge_embeddings, settings.answerer_timeout)

    @property
    def name(self) -> str:
        """Model and host, for people."""
        return f"{self.model} at {urlsplit(self.url).hostname}"

    @property
    def fingerprint(self) -> str:
        """Tells judges apart whose scores must not be mixed."""
        return hashlib.sha256(f"{self.url}\n{self.model}\n{self.embeddings}".encode()).hexdigest()[:12]


def ragas_python(environment: Path = RAGAS) -> Path:
    """The interpreter beside which Ragas is installed.

    Raises:
        TesseraError: There is none.
    """
    python = environment / "bin" / "python"
    if not python.is_file() or not (environment / ".installed").is_file():
        raise TesseraError(f"Ragas is not installed in {environment}.", "Run `make ragas` once (about 1 GB of disk).")
    return python
