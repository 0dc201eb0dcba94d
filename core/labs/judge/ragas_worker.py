"""Scores samples with Ragas. Runs as a script in Ragas' own environment and speaks JSON, an object a line.

    in    {"url", "model", "embeddings", "timeout_s"}, then samples {"question", "answer", "contexts"}
    out   {"index", "scores": {"ragas_faithfulness", "ragas_relevancy"}} or {"index", "error"}, as they are done

A score that makes no sense for a sample is left out: faithfulness without contexts, and what Ragas calls not a number.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from typing import Any

_KEY_VARIABLE = "TESSERA_JUDGE_KEY"
_NO_KEY = "none"
_CONCURRENT_REQUESTS = 4


class Metrics:
    """The two metrics over one endpoint.

    Args:
        config: The first line of the input.

    Attributes:
        failures: What asking the endpoint, and reading its replies, may raise.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        from instructor.exceptions import InstructorRetryException
        from openai import AsyncOpenAI, OpenAIError
        from ragas.embeddings.openai_provider import OpenAIEmbeddings
        from ragas.llms import llm_factory
        from ragas.metrics.collections import AnswerRelevancy, Faithfulness

        self.failures = (OpenAIError, InstructorRetryException, ValueError)
        client = AsyncOpenAI(
            base_url=config["url"], api_key=os.environ.get(_KEY_VARIABLE) or _NO_KEY, timeout=config["timeout_s"]
        )
        llm = llm_factory(config["model"], client=client, temperature=0.0)
        self._faithfulness = Faithfulness(llm=llm)
        self._relevancy = None
        if config["embeddings"]:
            self._relevancy = AnswerRelevancy(llm=llm, embeddings=OpenAIEmbeddings(client, config["embeddings"]))

    async def score(self, sample: dict[str, Any]) -> dict[str, float]:
        """Scores in [0, 1] by name."""
        scores: dict[str, float] = {}
        question, answer = sample["question"], sample["answer"]
        if sample["contexts"]:
            judged = await self._faithfulness.ascore(question, answer, sample["contexts"])
            scores["ragas_faithfulness"] = float(judged.value)
        if self._relevancy:
            judged = await self._relevancy.ascore(question, answer)
            scores["ragas_relevancy"] = float(judged.value)
        return {name: value for name, value in scores.items() if not math.isnan(value)}


async def main() -> None:
    """Reads all samples, then writes each score when it is there."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not come between the lines
    metrics = Metrics(json.loads(sys.stdin.readline()))
    samples = [json.loads(line) for line in sys.stdin]
    turn = asyncio.Semaphore(_CONCURRENT_REQUESTS)

    async def judge(index: int, sample: dict[str, Any]) -> dict[str, Any]:
        async with turn:
            try:
                return {"index": index, "scores": await metrics.score(sample)}
            except metrics.failures as error:  # it is reported, and the others go on
                return {"index": index, "error": f"{type(error).__name__}: {error}"}

    for done in asyncio.as_completed([judge(index, sample) for index, sample in enumerate(samples)]):
        out.write(json.dumps(await done) + "\n")
        out.flush()


if __name__ == "__main__":
    asyncio.run(main())
