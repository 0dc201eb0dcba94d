import copy
import json

import pytest

from core.errors import TesseraError
from core.labs.serverless.asl.definition import FILE, load, parse

NAMES = {f"{name}FunctionArn": name[0].lower() for name in ("Cache", "Retrieval", "Generation", "Rerank")}


def shipped():
    return json.loads(FILE.read_text(encoding="utf-8"))


def test_the_shipped_machine_is_known_in_full():
    definition = load(FILE, NAMES)
    assert definition.start == "Begin" and definition.timeout_s
    assert definition.states["Retrieve"]["Parameters"]["FunctionName"] == "r"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m["States"]["Retrieve"].update(Type="Parallel"), "Parallel"),
        (lambda m: m["States"]["Retrieve"].update(HeartbeatSeconds=3), "HeartbeatSeconds"),
        (lambda m: m["States"]["AnythingFound"]["Choices"][0].update(StringMatches="*"), "StringMatches"),
        (lambda m: m["States"]["Known"]["Choices"][0].update(StringEquals="x"), "StringEquals"),
        (lambda m: m["States"]["WantsCache"]["Choices"][0]["And"][0].update(IsNull=True), "IsNull"),
    ],
)
def test_what_is_not_known_is_refused_by_name(change, says):
    machine = copy.deepcopy(shipped())
    change(machine)
    with pytest.raises(TesseraError, match=says):
        parse(machine)


def test_a_name_that_was_not_given_is_named():
    with pytest.raises(TesseraError, match="GenerationFunctionArn"):
        load(FILE, {name: arn for name, arn in NAMES.items() if arn != "g"})


def test_a_file_that_is_no_json_is_a_sentence(tmp_path):
    path = tmp_path / "machine.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(TesseraError, match="cannot be read"):
        load(path, {})
