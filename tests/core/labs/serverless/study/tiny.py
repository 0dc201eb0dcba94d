"""The real handlers on stand-ins, for worker processes: what a function would load is exchanged, nothing else.

None of them needs torch, so that a worker starts in a moment; ``handlers/test_contract.py`` has them on tiny models.
"""

from core.labs.serverless.handlers import cache as cache_module
from core.labs.serverless.handlers import generation as generation_module
from core.labs.serverless.handlers import rerank as rerank_module
from core.labs.serverless.handlers import retrieval as retrieval_module
from tests.encoder import TinyEncoder


class _Title:
    """Answers with the title of the first passage."""

    name = "title"

    def answer(self, question, passages, tracer):
        with tracer.span("decode"):
            return passages[0].title


class _ByLength:
    """Prefers short passages."""

    name = fingerprint = "by length"

    def scores(self, question, passages):
        return [-float(len(passage.text)) for passage in passages]


retrieval_module.open_encoder = lambda settings: TinyEncoder()
generation_module.open_reader = lambda settings: _Title()
rerank_module.load_reranker = lambda settings: _ByLength()

retrieval = retrieval_module.handler
generation = generation_module.handler
rerank = rerank_module.handler
cache = cache_module.handler
