"""The real handlers on tiny models, for worker processes: what a function would load is exchanged, nothing else."""

from core.labs.serverless.handlers import cache as cache_module
from core.labs.serverless.handlers import generation as generation_module
from core.labs.serverless.handlers import rerank as rerank_module
from core.labs.serverless.handlers import retrieval as retrieval_module
from tests.models import TinyEncoder, tiny_language_model

retrieval_module.open_encoder = lambda settings: TinyEncoder()
generation_module.open_reader = lambda settings, tracer: generation_module.LocalReader(tiny_language_model(), 4)


class _ByLength:
    """Prefers short passages."""

    name = fingerprint = "by length"

    def scores(self, question, passages):
        return [-float(len(passage.text)) for passage in passages]


rerank_module.open_again = lambda settings, tracer: _ByLength()

retrieval = retrieval_module.handler
generation = generation_module.handler
rerank = rerank_module.handler
cache = cache_module.handler
