"""Whether a plan holds: what one workspace predicts of another that was built for real, beside what that took."""

from __future__ import annotations

from dataclasses import dataclass

from core.labs.plan.coefficients import Coefficients
from core.workspace import Workspace


@dataclass(frozen=True)
class Checked:
    """One figure of one workspace.

    Attributes:
        what: The figure.
        passages: Of the workspace.
        predicted: From the coefficients of another.
        measured: As its manifests have it.
    """

    what: str
    passages: int
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """By how much of the measured the prediction is off."""
        return self.predicted / self.measured - 1


def check(found: Coefficients, ws: Workspace) -> list[Checked]:
    """What the coefficients predict of a workspace, beside its manifests.

    Raises:
        ArtefactMissing: It is not built.
    """
    for kind in ("corpus", "embeddings", "blocks"):
        ws.require(kind, read=False)
    corpus, embeddings, blocks = (ws.manifest(kind) for kind in ("corpus", "embeddings", "blocks"))
    assert corpus and embeddings and blocks
    count = int(corpus.params["passages"])
    tokens = count * found.tokens
    figures = (
        ("tokens", tokens, float(blocks.params["tokens"])),
        ("bytes of blocks", tokens * found.kv_token, float(blocks.params["bytes"])),
        ("seconds of blocks", tokens * found.block_token, blocks.build_s),
        ("bytes of vectors", count * found.vector, float(ws.state("embeddings", read=False).bytes)),
        ("seconds of embedding", count * found.embed, embeddings.build_s),
    )
    return [Checked(what, count, predicted, measured) for what, predicted, measured in figures]
