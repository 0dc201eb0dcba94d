"""Studies that were kept: ``runs/serverless/`` of a workspace, one JSON file each."""

from __future__ import annotations

import json
from pathlib import Path

from core.corpus.types import Corpus
from core.errors import ArtefactStale, TesseraError
from core.jobs import Progress, Work
from core.labs.serverless.study.config import StudyConfig
from core.labs.serverless.study.study import FORMAT, Findings, Material, study
from core.manifest import write_atomically
from core.messages import message
from core.models.embeddings import load_vectors
from core.models.registry import Models
from core.workspace import Workspace

_MAX_QUESTIONS = 200


def folder(ws: Workspace) -> Path:
    """Where the studies of a workspace are."""
    return ws.path / "runs" / "serverless"


def names(ws: Workspace) -> list[str]:
    """Names of the studies that were kept, the newest first."""
    return sorted((path.stem for path in folder(ws).glob("*.json")), reverse=True)


def read(ws: Workspace, name: str) -> Findings:
    """A study that was kept.

    Raises:
        ArtefactStale: Its file cannot be read.
    """
    path = folder(ws) / f"{name}.json"
    try:
        content: Findings = json.loads(path.read_text(encoding="utf-8"))
        written = content["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactStale(
            message("The study {name} cannot be read ({error}).", name=name, error=type(error).__name__),
            message("Delete {path}.", path=path),
        ) from error
    if written != FORMAT:
        raise ArtefactStale(
            message("The study {name} was written by another version of Tessera.", name=name),
            message("Delete {path}.", path=path),
        )
    return content


def material(ws: Workspace, models: Models, corpus: Corpus, place: str | None = None) -> Material:
    """The part of a workspace that a study uses.

    Raises:
        ArtefactMissing: Its passages are not embedded yet.
        TesseraError: There are no questions to ask.
    """
    texts = [question.text for split in ("test", "dev", "train") for question in corpus.questions.get(split, ())]
    if not texts:
        raise TesseraError(
            message("The corpus of {name!r} has no questions to ask.", name=ws.name),
            "Use a corpus with questions, such as 'sample'.",
        )
    return Material(corpus, load_vectors(ws), models.encoder(), tuple(texts[:_MAX_QUESTIONS]), place)


def run(ws: Workspace, models: Models, corpus: Corpus, config: StudyConfig, place: str | None = None) -> Work:
    """Runs a study on a workspace and keeps its findings; the last step's data says under which name.

    Raises:
        TesseraError: See ``material`` and ``study``.
    """
    yield Progress("Loading the encoder", 0, 1)
    studied = material(ws, models, corpus, place)
    name = ""
    for step in study(studied, config, folder(ws) / "logs"):
        if "findings" in step.data:
            findings = {**step.data["findings"], "workspace": ws.name}
            name = findings["created"].replace(":", "").replace("-", "").replace("T", "-")[:15]
            folder(ws).mkdir(parents=True, exist_ok=True)
            write_atomically(folder(ws) / f"{name}.json", json.dumps(findings, indent=1).encode())
            yield Progress(step.stage, step.done, step.total, step.note, {"run": name})
        else:
            yield step
