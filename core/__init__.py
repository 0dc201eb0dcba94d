"""Tessera's engine: corpora, models, Voronoi cells, KV caches, memory, methods. Knows no user interface."""
