"""The glossary: terms of the field, one sentence each, with a link. Pages take their tooltips from here."""

from __future__ import annotations

from dataclasses import dataclass

_ARXIV = "https://arxiv.org/abs/"


@dataclass(frozen=True)
class Term:
    """One entry.

    Attributes:
        source: Name of the paper; empty if there is none.
    """

    name: str
    meaning: str
    source: str = ""
    link: str = ""


_TERMS = (
    Term(
        "Embedding",
        "A text as a list of numbers (here a vector of length one), so that texts about the same thing point the same "
        "way.",
        "Sentence-BERT",
        f"{_ARXIV}1908.10084",
    ),
    Term("Cosine similarity", "How far two vectors point the same way: 1 the same, 0 nothing in common."),
    Term("Passage", "A piece of a document of some hundred words: what is found, read and cited."),
    Term(
        "RAG",
        "Retrieval-augmented generation: find the passages nearest to a question and put their text in the prompt.",
        "Lewis et al., 2020",
        f"{_ARXIV}2005.11401",
    ),
    Term("Centroid", "The mean direction of the passages of a cell."),
    Term("Voronoi cell", "All points that are nearer to one centroid than to any other; here a group of passages."),
    Term("Margin", "How far a question is from the nearest border of its cell: 0 is on the border."),
    Term("nprobe", "How many cells are opened for a question, the nearest first."),
    Term(
        "Silhouette",
        "How much nearer a passage is to its own cell than to the next one, from -1 to 1; it chooses the number of "
        "cells.",
        "Rousseeuw, 1987",
        "https://doi.org/10.1016/0377-0427(87)90125-7",
    ),
    Term(
        "UMAP",
        "A way of drawing many dimensions on a plane that tries to keep neighbours together.",
        "McInnes et al., 2018",
        f"{_ARXIV}1802.03426",
    ),
    Term("Token", "The unit in which a language model reads and writes: a word or a piece of one."),
    Term("Layer", "One of the equal storeys of a model; each looks back at all tokens read so far."),
    Term(
        "KV cache",
        "For every token read, the keys and values that each layer computed: what a model keeps of a text it has read.",
        "Attention Is All You Need",
        f"{_ARXIV}1706.03762",
    ),
    Term("Prefill", "Reading the prompt before the first word of the answer; it costs most of the time."),
    Term("Decode", "Writing the answer, one token after another."),
    Term(
        "CAG",
        "Cache-augmented generation: keep the KV cache of the documents, so that only the question is prefilled.",
        "Don't Do RAG",
        f"{_ARXIV}2412.15605",
    ),
    Term("Z", "The learned vectors that stand for a document inside the model, in place of its text."),
    Term(
        "Soft token",
        "A vector that a model reads as if it were a token, though no word has it.",
        "Prompt tuning",
        f"{_ARXIV}2104.08691",
    ),
    Term(
        "Cramming",
        "Fitting vectors until a model recites a text from them; reciting is not yet being able to answer from it.",
        "Kuratov et al., 2025",
        f"{_ARXIV}2502.13063",
    ),
    Term(
        "LoRA",
        "A small trained addition to a model's weights; here the part that learns to read z.",
        "Hu et al., 2021",
        f"{_ARXIV}2106.09685",
    ),
    Term("Loss", "How surprised the model is by what it should have said, in nats a token; training lowers it."),
    Term("Held out", "Kept from training, so that getting it right cannot come from having seen it."),
    Term("Shuffled control", "The same question with another document's z: what remains is guessing, not memory."),
    Term("Routing", "Choosing the document, cell or passage that a question is about."),
    Term("Null slot", "The router's way of saying that no document holds the answer."),
    Term(
        "ROUGE-L",
        "How much of one text's word order another shares, from 0 to 1; here evidence against the gold sentence.",
        "Lin, 2004",
        "https://aclanthology.org/W04-1013/",
    ),
    Term(
        "EM and F1",
        "Whether an answer equals the gold answer (EM), and how many words they share (F1).",
        "SQuAD",
        f"{_ARXIV}1606.05250",
    ),
    Term("TTFT", "Time to first token: how long one waits until the answer begins."),
    Term("Break-even", "The number of questions after which what was built has saved as much time as it took."),
    Term("Closed book", "The model without any document: the control for all others."),
)
GLOSSARY: dict[str, Term] = {term.name: term for term in _TERMS}


def meaning(name: str) -> str:
    """The sentence for a word; asking for another word is a bug.

    Raises:
        KeyError: The word is not in the glossary.
    """
    return GLOSSARY[name].meaning
