"""The steps of the tour, in order. Adding one is one file beside this and one entry here."""

from __future__ import annotations

from app.learn import cell, cost, embed, failures, inject, kv_cache, routing, training, z
from app.learn.base import Step

STEPS: tuple[Step, ...] = (
    Step(
        "embed",
        "A text becomes a vector",
        "How can a machine see that two texts are about the same thing?",
        embed.show,
        ("Embedding", "Cosine similarity", "Passage", "RAG"),
        "corpus",
    ),
    Step(
        "cell",
        "The space is cut into cells",
        "How does a question find its neighbourhood without looking at every passage?",
        cell.show,
        ("Voronoi cell", "Centroid", "Margin", "nprobe", "UMAP"),
        "map",
    ),
    Step(
        "kv-cache",
        "What a model keeps of a text",
        "What is left in a model when it has read something?",
        kv_cache.show,
        ("Token", "Layer", "KV cache", "Prefill"),
        "caches",
    ),
    Step(
        "inject",
        "Continue instead of reading",
        "What is saved when the cache is put in?",
        inject.show,
        ("CAG", "Prefill", "Decode", "TTFT"),
        "compare",
    ),
    Step(
        "z",
        "A document as learned vectors",
        "Can a document live in a model without its text?",
        z.show,
        ("Z", "Soft token"),
        "memory",
    ),
    Step(
        "training",
        "How z is learned",
        "What makes vectors say what a document says?",
        training.show,
        ("Loss", "Held out", "LoRA", "Cramming", "Shuffled control"),
        "memory",
    ),
    Step(
        "routing",
        "The model finds the document itself",
        "Which document does a question wake, and what if none knows?",
        routing.show,
        ("Routing", "Null slot"),
        "memory",
    ),
    Step(
        "failures",
        "Where each method fails",
        "What goes wrong, and how would one notice?",
        failures.show,
        ("Margin", "nprobe", "Shuffled control", "ROUGE-L", "Cramming", "EM and F1"),
        "compare",
    ),
    Step(
        "cost",
        "What it costs, and when it pays",
        "After how many questions has building paid for itself?",
        cost.show,
        ("Break-even", "TTFT", "Closed book"),
        "compare",
    ),
)
