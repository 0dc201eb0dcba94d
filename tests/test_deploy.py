"""What is deployed: the template as cfn-lint sees it, and what it must agree on with the code."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.labs.serverless.asl.definition import FILE
from core.settings import ROOT

DEPLOY = ROOT / "deploy"
TEMPLATE = (DEPLOY / "template.yaml").read_text(encoding="utf-8")


def test_the_template_lints_without_a_word():
    linter = [
        sys.executable,
        "-c",
        "import sys; from cfnlint.runner import main; sys.exit(main())",
        str(DEPLOY / "template.yaml"),
    ]
    result = subprocess.run(linter, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and not result.stdout, result.stdout + result.stderr


def test_every_handler_of_the_template_is_there():
    handlers = re.findall(r"Command: \[([\w.]+)\]", TEMPLATE)
    assert len(handlers) == 5
    for name in handlers:
        module, function = name.rsplit(".", 1)
        assert callable(getattr(import_module(module), function))


def test_template_and_state_machine_agree_on_their_names():
    wanted = set(re.findall(r"\$\{(\w+)\}", FILE.read_text(encoding="utf-8")))
    given = TEMPLATE.split("DefinitionSubstitutions:")[1].split("Tracing:")[0]
    assert wanted == set(re.findall(r"(\w+): !GetAtt", given))
    assert f"DefinitionUri: {FILE.name}" in TEMPLATE


def test_no_right_is_wider_than_it_must_be():
    statements = TEMPLATE.split("- Sid: ")[1:]
    assert len(statements) >= 6
    wide = [text.split("\n")[0] for text in statements if re.search(r'Resource: "\*"', text.split("- Sid")[0])]
    assert wide == ["WriteItsLog"]
    assert not re.search(r"Action: [\"']?[\w]*:?\*", TEMPLATE)
    assert TEMPLATE.count("AuthorizationType: AWS_IAM") == TEMPLATE.count("RouteKey:") == 4


def modules_of_the_functions():
    """Names of all modules that the functions import, with what they import on first use."""
    program = (
        "import sys, core.labs.serverless.handlers.retrieval, core.labs.serverless.handlers.generation, "
        "core.labs.serverless.handlers.rerank, core.labs.serverless.handlers.cache, core.models.rerank, "
        "core.labs.serverless.handlers.orchestrator, core.labs.serverless.table, core.labs.serverless.bedrock, "
        "core.models.registry, core.methods.base; print(' '.join(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def imported_at_once(module):
    """First names of what a module of ours imports when it is imported itself."""
    path = ROOT / f"{module.replace('.', '/')}.py"
    for node in ast.parse((path if path.is_file() else path.with_suffix("") / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_the_image_has_what_the_functions_import_in_the_same_bounds():
    ours = (DEPLOY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    everything = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in ours if line and not line.startswith("#")]
    assert lines and set(lines) <= set(everything)
    modules = modules_of_the_functions()
    unwanted = {"streamlit", "gradio", "redis", "faiss", "umap", "plotly", "typer", "datasets", "bm25s", "uvicorn"}
    assert not unwanted & set(modules)
    names, distributions = {canonicalize_name(Requirement(line).name) for line in lines}, packages_distributions()
    for module in (name for name in modules if name.split(".")[0] == "core"):
        for imported in set(imported_at_once(module)) - set(sys.stdlib_module_names) - {"core"}:
            owners = {canonicalize_name(owner) for owner in distributions[imported]}
            assert owners & (names | {"typing-extensions", "botocore"}), f"{module} imports {imported}"
