"""The typed functions that the front offers to programs: API endpoints, and tools when it serves MCP.

Their docstrings are what a caller reads; Gradio and MCP turn the ``Args:`` into the schema.
"""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints

from gradio.utils import get_function_description
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from app.export import record
from app.gradio.service import ComparisonService
from core.errors import TesseraError
from core.messages import message
from core.methods import registry
from core.normalise import comma_separated, is_unicode

_USUAL = ",".join(registry.default_methods())
_KINDS = {str: "Give a text.", int: "Give a whole number.", list[str]: "Give a list of texts."}


class Arguments:
    """The arguments of a function, checked by its signature before the call, with defaults filled in.

    Args:
        function: Typed, with a Google-style docstring.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.description, described, _ = get_function_description(function)
        self._kinds = {name: kind for name, kind in get_type_hints(function).items() if name != "return"}
        parameters = inspect.signature(function).parameters
        fields: dict[str, Any] = {}
        for name, kind in self._kinds.items():
            default = parameters[name].default
            value = ... if default is inspect.Parameter.empty else default
            fields[name] = (kind, Field(value, description=described.get(name, "")))
        self._model: type[BaseModel] = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return self._model.model_json_schema()

    def checked(self, arguments: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
        """The arguments by name.

        Raises:
            TesseraError: One is missing, unknown, of another type, or no text.
        """
        names = list(self._kinds)
        if not isinstance(arguments, Mapping):
            numbered = [*names, *(f"number {row + 1}" for row in range(len(names), len(arguments)))]
            arguments = dict(zip(numbered, arguments, strict=False))
        try:
            values = self._model.model_validate(arguments)
        except ValidationError as error:
            raise self._refusal(error) from None
        for name, value in values:
            if not isinstance(value, int) and not is_unicode("".join(value)):
                raise TesseraError(message("'{name}' is no text.", name=name), "Send it in UTF-8.")
        return dict(values)

    def _refusal(self, error: ValidationError) -> TesseraError:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0])
        if wrong["type"] == "extra_forbidden":
            what = message("There is no argument {name!r}.", name=name[:60])
            return TesseraError(what, message("Use: {names}.", names=", ".join(self._kinds)))
        remedy = _KINDS[self._kinds[name]]
        if wrong["type"] == "missing":
            return TesseraError(message("'{name}' is missing.", name=name), remedy)
        return TesseraError(message("'{name}' is {value}.", name=name, value=reprlib.repr(wrong["input"])), remedy)


class Tools:
    """The functions, bound to one service."""

    def __init__(self, service: ComparisonService) -> None:
        self._service = service
        offered: tuple[Callable[..., Any], ...] = (self.compare, self.ask, self.search_passages, self.list_methods)
        self.functions = {function.__name__: function for function in offered}
        self.arguments = {name: Arguments(function) for name, function in self.functions.items()}

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Calls a function by its name.

        Raises:
            TesseraError: There is no such function, its arguments are wrong, or it cannot answer.
        """
        if name not in self.functions:
            what = message("There is no tool {name!r}.", name=name[:60])
            raise TesseraError(what, message("Use: {names}.", names=", ".join(self.functions)))
        return self.functions[name](**self.arguments[name].checked(arguments))

    def compare(self, question: str, methods: str = _USUAL, passages: int = 3) -> dict[str, Any]:
        """Ask one question of several methods, one after another on the same model, and compare answers and times.

        Args:
            question: What to ask about the documents of the workspace.
            methods: Comma-separated names of methods, as list_methods gives them.
            passages: How many passages standard RAG reads, 1 to 10.

        Returns:
            Every answer with its evidence, its spans in ms, tokens and bytes; failures with a remedy.
        """
        return record(self._service.answer(self._service.choose(question, comma_separated(methods), passages)))

    def ask(self, question: str, method: str = "rag", passages: int = 3) -> dict[str, Any]:
        """Ask one question of one method.

        Args:
            question: What to ask about the documents of the workspace.
            method: Name of the method, as list_methods gives it.
            passages: How many passages standard RAG reads, 1 to 10.

        Returns:
            The answer with its evidence and trace.
        """
        run = self._service.answer(self._service.choose(question, [method], passages))
        if method in run.failures:
            raise TesseraError(*run.failures[method])
        run_record = record(run)
        (answer,) = run_record.pop("answers")
        return {**run_record, **answer}

    def list_methods(self) -> list[dict[str, Any]]:
        """List the methods that can be compared, and whether each is ready.

        Returns:
            Name, label, a sentence on what it does, whether it is ready, and what it lacks when it is not.
        """
        rows = []
        for name, spec in registry.METHODS.items():
            lacks = self._service.lacking(name)
            row = {"name": name, "label": spec.label, "summary": spec.summary, "ready": not lacks, "lacks": lacks}
            rows.append(row)
        return rows

    def search_passages(self, query: str, k: int = 5) -> dict[str, Any]:
        """Find the passages that are nearest to a text, by exact cosine similarity of their embeddings.

        Args:
            query: A question, or any text.
            k: How many passages, 1 to 20.

        Returns:
            Under passages id, title, text, score and place in its file of each, best first; under warnings what the
            encoder does not know of the text.
        """
        passages, warnings = self._service.search(query, k)
        return {"passages": [piece.to_json() for piece in passages], "warnings": list(warnings)}
