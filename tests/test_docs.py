"""The documentation is true: commands parse, the tour runs, files exist, generated pages are what the code says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from app import docs
from app.cli import cli
from tests.sample import sample_workspaces

ROOT = Path(__file__).resolve().parent.parent
PAGES = tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *PAGES)
KOREAN = "README.ko.md"


def blocks(document: str) -> list[tuple[str, str]]:
    """Language line and text of each fenced block."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```(\S*[^\n]*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(document: str, only: str = "sh") -> list[str]:
    lines = [line for info, body in blocks(document) if info.startswith(only) for line in body.splitlines()]
    return [line.split(" #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def inline(document: str) -> list[str]:
    """The app's commands within sentences."""
    text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
    return re.findall(r"`(python -m app [^`]+)`", text)


def tables(document: str) -> list[str]:
    """Every table as it stands, from its heading to its last row."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [found.group() for found in re.finditer(r"(?:^\|[^\n]*\n)+", text, flags=re.MULTILINE)]


def numbers(table: str) -> list[str]:
    """All numbers of a table, sorted: the words around them differ, and so may their order in a row."""
    return sorted(re.findall(r"\d*[.,]?\d+(?:[.,]\d+)*", table))


def app_commands() -> list[str]:
    written = [line for name in DOCUMENTS for line in commands(name)]
    return sorted({line for line in written if line.startswith("python -m app ")})


@pytest.mark.parametrize("line", app_commands())
def test_every_command_parses(line):
    arguments = shlex.split(line)[3:]
    group = typer.main.get_command(cli)
    if "--help" in arguments:
        return
    name, command, rest = group.resolve_command(typer.Context(group), arguments)
    assert command is not None, f"there is no command {name}"
    command.make_context(name, list(rest))


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    used = {line.split()[1] for name in DOCUMENTS for line in commands(name) if line.startswith("make ")}
    assert {"run", "test"} <= used <= targets


@pytest.mark.parametrize("document", [*DOCUMENTS, KOREAN])
def test_every_file_named_exists(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert ((ROOT / document).parent / path).exists(), path


@pytest.mark.parametrize("page", docs.pages(), ids=lambda path: path.name)
def test_what_is_written_from_the_code_is_up_to_date(page):
    assert page.read_text(encoding="utf-8") == docs.pages()[page], "run `python -m app.docs`"


def test_every_page_stands_in_the_site():
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert sorted(f"docs/{name}" for name in re.findall(r"[\w/-]+\.md", site)) == sorted(PAGES)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) < 10_000


def test_the_korean_readme_gives_the_same_commands():
    assert commands(KOREAN, only="sh") == commands("README.md", only="sh")
    assert commands(KOREAN, only="sh tour") == commands("README.md", only="sh tour")
    assert inline(KOREAN) == inline("README.md")


def test_the_korean_readme_states_the_same_figures():
    korean, english = tables(KOREAN), tables("README.md")
    assert len(korean) == len(english)
    for ours, theirs in zip(korean, english, strict=True):
        assert numbers(ours) == numbers(theirs), theirs[:120]
    assert numbers("".join(tables("README.md")))


@pytest.mark.real
def test_the_quick_tour_runs():
    tour = commands("README.md", only="sh tour")
    assert "python -m app sample" in tour
    with sample_workspaces() as folder:
        shutil.rmtree(folder / "sample", ignore_errors=True)  # from nothing, as a newcomer
        environment = {**os.environ, "TESSERA_WORKSPACES": str(folder)}
        for line in tour:
            arguments = shlex.split(line)
            assert arguments[:3] == ["python", "-m", "app"], line
            run = subprocess.run(
                [sys.executable, *arguments[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            assert run.returncode == 0, f"{line}\n{run.stderr}"
