"""Tessera's engine: corpora, models, Voronoi cells, KV caches, memory, methods. Knows no user interface."""

import os

# oneDNN prepares a kernel for every length of a prompt and keeps 1,024 of them, about 2 MB a question. Sixteen are
# those of an answer. It reads the variable when torch loads it, which nothing does before this package.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
