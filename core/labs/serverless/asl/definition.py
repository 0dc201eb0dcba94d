"""The definition of a state machine, checked before it runs: unknown fields and types are refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import TesseraError
from core.labs.serverless.asl.paths import check_template, steps
from core.messages import message
from core.settings import ROOT

FILE = ROOT / "deploy" / "statemachine.asl.json"
INVOKE = "arn:aws:states:::lambda:invoke"
_DATA = {"Comment", "Type"}
_MOVING = {"Next", "End"}
_FIELDS: dict[str, set[str]] = {
    "Task": {"Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "Retry", "Catch"} | _MOVING,
    "Pass": {"Parameters", "ResultPath"} | _MOVING,
    "Choice": {"Choices", "Default"},
    "Succeed": set(),
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
}
_RETRY = {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"}
_CATCH = {"ErrorEquals", "ResultPath", "Next"}
_COMPARISONS = {"IsPresent", "BooleanEquals"}
_TOP = {"Comment", "StartAt", "States", "TimeoutSeconds", "Version"}
_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Definition:
    """A checked state machine.

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
        return parse(json.loads(filled))
    except (OSError, ValueError) as error:
        raise TesseraError(
            message("The state machine {path} cannot be read ({error}).", path=path, error=error), "Correct the file."
        ) from error
    except KeyError as error:
        raise TesseraError(
            message("Nothing was given for ${{{name}}} in {path}.", name=error.args[0], path=path), "Name it."
        ) from error


def parse(document: Any) -> Definition:
    """Checks a definition.

    Raises:
        TesseraError: It holds something wrong, or something the interpreter does not know.
    """
    try:
        problem = next(_problems(document), "")
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        problem = str(error)
    if problem:
        raise TesseraError(
            message("The state machine cannot be run: {problem}.", problem=problem),
            "Use what core/labs/serverless/asl knows.",
        )
    return Definition(document["StartAt"], document["States"], document.get("TimeoutSeconds"))


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown("the machine", document, _TOP)
    states = document["States"]
    if document["StartAt"] not in states:
        yield f"it starts at {document['StartAt']!r}, which is no state"
    for name, state in states.items():
        kind = state.get("Type")
        if kind not in _FIELDS:
            yield f"{name} is of the unknown type {kind!r}"
        yield from _unknown(name, state, _FIELDS[kind] | _DATA)
        yield from _wrong_values(name, state)
        for target in _targets(state):
            if target not in states:
                yield f"{name} leads to {target!r}, which is no state"
        if kind in ("Task", "Pass") and ("Next" in state) == bool(state.get("End")):
            yield f"{name} needs either Next or End"


def _wrong_values(name: str, state: Mapping[str, Any]) -> Iterator[str]:
    for field in ("Parameters", "ResultSelector"):
        check_template(state.get(field))
    for field in ("ResultPath", "ErrorPath", "CausePath"):
        if state.get(field) is not None:
            steps(state[field])
    if state["Type"] == "Task" and state.get("Resource") != INVOKE:
        yield f"{name} uses the resource {state.get('Resource')!r}"
    for rule in state.get("Retry", ()):
        yield from _unknown(f"Retry of {name}", rule, _RETRY)
        if rule.get("JitterStrategy", "NONE") not in ("NONE", "FULL"):
            yield f"Retry of {name} has the unknown JitterStrategy {rule['JitterStrategy']!r}"
    for rule in state.get("Catch", ()):
        yield from _unknown(f"Catch of {name}", rule, _CATCH)
    for rule in (*state.get("Retry", ()), *state.get("Catch", ())):
        if not rule.get("ErrorEquals"):
            yield f"a rule of {name} names no error"
    for rule in state.get("Choices", ()):
        yield from _wrong_choice(name, {key: value for key, value in rule.items() if key != "Next"})


def _wrong_choice(name: str, rule: Mapping[str, Any]) -> Iterator[str]:
    if "And" in rule:
        yield from _unknown(f"a choice of {name}", rule, {"And"})
        for part in rule["And"]:
            yield from _wrong_choice(name, part)
        return
    yield from _unknown(f"a choice of {name}", rule, {"Variable", *_COMPARISONS})
    steps(rule["Variable"])
    if len(_COMPARISONS & set(rule)) != 1:
        yield f"a choice of {name} needs one of {', '.join(sorted(_COMPARISONS))}"


def _targets(state: Mapping[str, Any]) -> Iterator[str]:
    for rule in (state, *state.get("Catch", ()), *state.get("Choices", ())):
        if "Next" in rule:
            yield rule["Next"]
    if "Default" in state:
        yield state["Default"]


def _unknown(where: str, given: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    for field in sorted(set(given) - known):
        yield f"{where} has the unknown field {field!r}"
