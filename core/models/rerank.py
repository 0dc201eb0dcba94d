"""Re-ranking: the passages that a search found are compared with the question once more, more closely.

    "maxsim"       late interaction over the encoder's own token vectors (ColBERT's MaxSim, Khattab and Zaharia,
                   arXiv 2004.12832): sum over the question's tokens of the best match among the passage's tokens
    anything else  a cross-encoder by folder or hub id, which reads question and passage together

Neither needs an index: passages are encoded when they are compared, which is what re-ranking costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from core.corpus.types import Passage, texts
from core.digests import digest_of
from core.errors import ModelError
from core.messages import message
from core.models.download import locate
from core.models.encoder import Encoder
from core.normalise import normalise
from core.settings import Settings

if TYPE_CHECKING:
    import torch

MAXSIM = "maxsim"


class Reranker(Protocol):
    """Scores passages by how well they answer a question.

    Attributes:
        fingerprint: Tells apart what orders differently.
    """

    name: str
    fingerprint: str

    def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """A score for each passage; larger is better."""
        ...


@runtime_checkable
class TokenEncoder(Protocol):
    """An encoder that gives a vector for every token; see ``SentenceEncoder.encode_tokens``."""

    fingerprint: str

    def encode_tokens(self, texts: Sequence[str], query: bool = False) -> list[torch.Tensor]:
        """Vectors [tokens, dim] of each text."""
        ...


class LateInteraction:
    """MaxSim over the token vectors of the sentence encoder that embedded the passages."""

    name = MAXSIM

    def __init__(self, encoder: TokenEncoder) -> None:
        self._encoder, self.fingerprint = encoder, f"{MAXSIM}-{encoder.fingerprint}"

    def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """Mean over the question's tokens of the largest cosine similarity to a token of the passage, in [-1, 1]."""
        from torch.nn.functional import normalize

        query = normalize(self._encoder.encode_tokens([question], query=True)[0], dim=1)
        documents = self._encoder.encode_tokens(texts(passages))
        return [float((query @ normalize(tokens, dim=1).T).amax(1).mean()) for tokens in documents]


class CrossEncoder:
    """A sequence classifier with one output, such as cross-encoder/ms-marco-MiniLM-L6-v2.

    Raises:
        ModelError: It cannot be found or loaded, or is no cross-encoder.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        from sentence_transformers import CrossEncoder as LibraryEncoder  # takes seconds to import
        from torch.nn import Identity

        from core.models.device import choose_device

        folder, device = locate(name, settings.home), str(choose_device(settings.device))
        try:
            self._model = LibraryEncoder(str(folder), device=device, local_files_only=True, activation_fn=Identity())
        except (OSError, ValueError) as error:
            raise _unfit(name, str(error)) from error
        if self._model.num_labels != 1:
            raise _unfit(name, message("it has {n} outputs", n=self._model.num_labels))
        self.name, self.fingerprint = folder.name, digest_of(folder, "*.safetensors")

    def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """The model's logit for each pair of question and passage."""
        pairs = [(normalise(question), normalise(text)) for text in texts(passages)]
        return [float(score) for score in self._model.predict(pairs, show_progress_bar=False)] if pairs else []


def open_reranker(name: str, encoder: Encoder, settings: Settings) -> Reranker:
    """A re-ranker by name.

    Args:
        name: "maxsim", or a cross-encoder's folder or hub id.
        encoder: The encoder of the passages, for "maxsim".
        settings: Device and folder of model files.

    Raises:
        ModelError: It cannot be loaded, or the encoder gives no token vectors.
    """
    if name != MAXSIM:
        return CrossEncoder(name, settings)
    if not isinstance(encoder, TokenEncoder):
        what = message("{name} gives no vectors of single tokens.", name=encoder.name)
        raise ModelError(what, "Re-rank with a cross-encoder, or use an encoder on this machine.")
    return LateInteraction(encoder)


def best_first(scores: Sequence[float]) -> list[int]:
    """Numbers of the passages, best first; equals stay as they were found."""
    return [int(number) for number in np.argsort(-np.asarray(scores), kind="stable")]


def _unfit(name: str, why: str) -> ModelError:
    return ModelError(
        message("{name} could not be loaded as a cross-encoder: {error}", name=name, error=why),
        "Give a sequence classifier with one output, or maxsim.",
    )
