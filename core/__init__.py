"""Tessera's engine: corpora, models, Voronoi cells, KV caches, memory, methods. Knows no user interface."""

import os

# oneDNN prepares a kernel for every length of a prompt and keeps 1,024 of them. Prompts are padded to few lengths (see
# ``core.models.llama_decoder``), of which 64 are enough. It reads the variable when torch loads it, which nothing does
# before this package.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
