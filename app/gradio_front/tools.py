"""The typed functions that the front offers to programs: API endpoints, and tools when it serves MCP.

Their docstrings are what a caller reads; Gradio turns the ``Args:`` into the schema.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.asking import Choices
from app.export import record
from app.gradio_front.desk import USUAL, Desk
from core.errors import TesseraError
from core.methods import registry


def refusal(error: TesseraError) -> gr.Error:
    """An error that the caller can act on, as Gradio shows it."""
    return gr.Error(str(error), title="Not possible", print_exception=False)


class Tools:
    """The functions, bound to one desk.

    Args:
        desk: Answers.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def compare(self, question: str, methods: str = ",".join(USUAL), passages: int = 3) -> dict[str, Any]:
        """Ask one question of several methods, one after another on the same model, and compare answers and times.

        Args:
            question: What to ask about the documents of the workspace.
            methods: Comma-separated names of methods, as list_methods gives them.
            passages: How many passages standard RAG reads, 1 to 10.

        Returns:
            Every answer with its evidence, its spans in ms, tokens and bytes; failures with a remedy.
        """
        names = [name.strip() for name in methods.split(",") if name.strip()]
        return record(self._desk.answer(self._choices(question, names, passages)))

    def ask(self, question: str, method: str = "rag", passages: int = 3) -> dict[str, Any]:
        """Ask one question of one method.

        Args:
            question: What to ask about the documents of the workspace.
            method: Name of the method, as list_methods gives it.
            passages: How many passages standard RAG reads, 1 to 10.

        Returns:
            The answer with its evidence and trace.
        """
        run = self._desk.answer(self._choices(question, [method], passages))
        if method in run.failures:
            raise refusal(TesseraError(*run.failures[method]))
        kept = record(run)
        (answer,) = kept.pop("answers")
        return {**kept, **answer}

    def list_methods(self) -> list[dict[str, Any]]:
        """List the methods that can be compared, and whether each is ready.

        Returns:
            Name, label, a sentence on what it does, whether it is ready, and what it lacks when it is not.
        """
        rows = []
        for name, spec in registry.METHODS.items():
            lacks = self._desk.lacking(name)
            row = {"name": name, "label": spec.label, "summary": spec.summary, "ready": not lacks, "lacks": lacks}
            rows.append(row)
        return rows

    def search_passages(self, query: str, k: int = 5) -> list[dict[str, Any]]:
        """Find the passages that are nearest to a text, by exact cosine similarity of their embeddings.

        Args:
            query: A question, or any text.
            k: How many passages, 1 to 20.

        Returns:
            Id, title, text and score of each, best first.
        """
        try:
            found = self._desk.search(query, int(k))
        except TesseraError as error:
            raise refusal(error) from error
        return [
            {"passage_id": f.passage.id, "title": f.passage.title, "text": f.passage.text, "score": f.score}
            for f in found
        ]

    def _choices(self, question: str, names: list[str], passages: int) -> Choices:
        try:
            return self._desk.choose(question, names, int(passages))
        except TesseraError as error:
            raise refusal(error) from error
