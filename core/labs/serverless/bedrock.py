"""Amazon Bedrock in place of the local models: Titan Embed v2 for vectors, Claude for answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import boto3
import numpy as np
from botocore.exceptions import BotoCoreError, ClientError

from core.corpus.types import Passage
from core.errors import ModelError
from core.messages import message
from core.models.encoder import Vectors
from core.models.prompt import SYSTEM
from core.trace import Tracer

_Result = TypeVar("_Result")


def runtime() -> Any:
    """A client of the Bedrock runtime; region, credentials and endpoint come from the environment, as boto3 has it.

    Raises:
        ModelError: No region is configured.
    """
    return _calling("a client", lambda: boto3.client("bedrock-runtime"))


class TitanEncoder:
    """Titan Embed v2 as an encoder: unit vectors, one call per text.

    Args:
        dimensions: 256, 512 or 1024.
    """

    def __init__(self, client: Any, model: str, dimensions: int) -> None:
        self._client = client
        self.name = model
        self.dim = dimensions
        self.fingerprint = f"{model}-{dimensions}"
        self.max_tokens = 8_192

    def count(self, text: str) -> int:
        """Bytes of a text: Titan's tokenizer is not public, and a token has at least one."""
        return len(text.encode())

    def knows(self, text: str) -> bool:
        """Titan was trained on more than a hundred languages: it takes any script."""
        return True

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, dim] of passages."""
        return np.stack([self.encode_query(text) for text in texts]) if texts else np.zeros((0, self.dim), np.float32)

    def encode_query(self, text: str) -> Vectors:
        """Unit vector [dim] of a question.

        Raises:
            ModelError: Bedrock refused, or answered with something else.
        """
        body = json.dumps({"inputText": text, "dimensions": self.dim, "normalize": True})
        reply = _calling(
            self.name,
            lambda: self._client.invoke_model(
                modelId=self.name, body=body, contentType="application/json", accept="application/json"
            ),
        )
        vector = np.asarray(json.loads(reply["body"].read()).get("embedding", ()), dtype=np.float32)
        if vector.shape != (self.dim,):
            raise ModelError(
                message("{name} sent a vector of shape {shape}.", name=self.name, shape=vector.shape),
                message("Ask for {dim} dimensions.", dim=self.dim),
            )
        return vector


class ClaudeReader:
    """Claude as the reader of passages, through Bedrock's Converse API.

    Args:
        model: Bedrock id or inference profile.
    """

    def __init__(self, client: Any, model: str, max_new_tokens: int) -> None:
        self._client = client
        self.name = model
        self._limit = max_new_tokens

    def answer(self, question: str, passages: Sequence[Passage], tracer: Tracer) -> str:
        """The answer; counts tokens on the tracer.

        Raises:
            ModelError: Bedrock refused.
        """
        context = "\n\n".join(f"[{p.title}] {p.text}" if p.title else p.text for p in passages)
        prompt = f"Passages:\n\n{context}\n\nQuestion: {question}" if passages else f"Question: {question}"
        with tracer.span("converse"):
            reply = _calling(
                self.name,
                lambda: self._client.converse(
                    modelId=self.name,
                    system=[{"text": SYSTEM}],
                    messages=[{"role": "user", "content": [{"text": prompt}]}],
                    inferenceConfig={"maxTokens": self._limit, "temperature": 0.0},
                ),
            )
        tracer.prompt_tokens += int(reply["usage"]["inputTokens"])
        tracer.generated_tokens += int(reply["usage"]["outputTokens"])
        return "".join(part.get("text", "") for part in reply["output"]["message"]["content"]).strip()


def _calling(what: str, ask: Callable[[], _Result]) -> _Result:
    try:
        return ask()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        raise ModelError(
            message("Bedrock answered {code} for {what}.", code=code, what=what),
            "Check access to the model and its region.",
        ) from error
    except BotoCoreError as error:
        raise ModelError(
            message("Bedrock could not be asked for {what}: {error}.", what=what, error=error),
            "Check region, credentials and connection.",
        ) from error
