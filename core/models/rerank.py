"""Re-ranking: the passages that a search found are compared with the question once more, more closely.

    "maxsim"       late interaction over the encoder's own token vectors (ColBERT's MaxSim, Khattab and Zaharia,
                   arXiv 2004.12832): sum over the question's tokens of the best match among the passage's tokens
    anything else  a cross-encoder by folder or hub id, which reads question and passage together

Neither needs an index: passages are encoded when they are compared, which is what re-ranking costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

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
_BATCH = 16


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
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        from core.models.device import choose_device

        folder = locate(name, settings.home)
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
            model: Any = AutoModelForSequenceClassification.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise _unfit(name, str(error)) from error
        if model.config.num_labels != 1:
            raise _unfit(name, message("it has {n} outputs", n=model.config.num_labels))
        self._model = model.eval().to(choose_device(settings.device))
        limits = (self._tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 10**9))
        self._limit = int(min(limits))
        self.name, self.fingerprint = folder.name, digest_of(folder, "*.safetensors")

    def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """The model's logit for each pair of question and passage."""
        import torch

        scored: list[float] = []
        given = [normalise(text) for text in texts(passages)]
        for start in range(0, len(given), _BATCH):
            batch = given[start : start + _BATCH]
            pairs = self._tokenizer(
                [normalise(question)] * len(batch),
                batch,
                padding=True,
                truncation="only_second",
                max_length=self._limit,
                return_tensors="pt",
            ).to(self._model.device)
            with torch.inference_mode():
                scored.extend(self._model(**pairs).logits[:, 0].float().tolist())
        return scored


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
