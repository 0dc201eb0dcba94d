"""The definition of a state machine: types of states and fields that the interpreter does not know are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import TesseraError
from core.messages import message
from core.settings import ROOT

FILE = ROOT / "deploy" / "statemachine.asl.json"
_FIELDS: dict[str, set[str]] = {
    "Task": {
        "Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "Retry", "Catch", "Next", "End",
    },
    "Pass": {"Parameters", "ResultPath", "Next", "End"},
    "Choice": {"Choices", "Default"},
    "Succeed": set(),
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
}  # fmt: skip
_RULES = {
    "Retry": {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"},
    "Catch": {"ErrorEquals", "ResultPath", "Next"},
    "Choices": {"And", "Variable", "IsPresent", "BooleanEquals", "Next"},
}
_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Definition:
    """A state machine.

    Attributes:
        timeout_s: Longest execution, in seconds; None without a limit.
    """

    start: str
    states: Mapping[str, Mapping[str, Any]]
    timeout_s: float | None


def load(path: Path, substitutions: Mapping[str, str]) -> Definition:
    """Reads a definition and puts ``substitutions`` in place of ``${Name}``, as AWS SAM does.

    Raises:
        TesseraError: It cannot be read, or holds something that is not known here.
    """
    try:
        text = path.read_text(encoding="utf-8")
        filled = _SUBSTITUTION.sub(lambda match: json.dumps(substitutions[match[1]])[1:-1], text)
        content = json.loads(filled)
    except (OSError, ValueError) as error:
        raise TesseraError(
            message("The state machine {path} cannot be read ({error}).", path=path, error=error), "Correct the file."
        ) from error
    except KeyError as error:
        raise TesseraError(
            message("Nothing was given for ${{{name}}} in {path}.", name=error.args[0], path=path), "Name it."
        ) from error
    return parse(content)


def parse(document: Mapping[str, Any]) -> Definition:
    """Takes a definition that is right otherwise, and refuses what the interpreter does not know.

    Raises:
        TesseraError: A type of state or a field is unknown.
    """
    for name, state in document["States"].items():
        if unknown := next(_unknown(state), ""):
            raise TesseraError(
                message("The state machine cannot be run: {problem}.", problem=f"{name} has the unknown {unknown}"),
                "Use what core/labs/serverless/asl knows.",
            )
    return Definition(document["StartAt"], document["States"], document.get("TimeoutSeconds"))


def _unknown(state: Mapping[str, Any]) -> Iterator[str]:
    if state["Type"] not in _FIELDS:
        yield f"type {state['Type']!r}"
        return
    places = [(state, _FIELDS[state["Type"]] | {"Comment", "Type"})]
    places += [(rule, known) for field, known in _RULES.items() for rule in state.get(field, ())]
    places += [(part, _RULES["Choices"]) for rule in state.get("Choices", ()) for part in rule.get("And", ())]
    for fields, known in places:
        for field in sorted(set(fields) - known):
            yield f"field {field!r}"
