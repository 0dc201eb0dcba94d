"""Writes what docs/ takes from the code and from saved runs: ``python -m app.docs``; ``make docs`` builds the site.

``docs/reference/`` holds the commands and the settings, ``docs/results.md`` a table of every run in ``docs/runs/``, and
the README the first of these tables, between two comments. ``tests/test_docs.py`` compares them with the files.
A run is the output of its own command, ``python -m app eval ... --json > docs/runs/NAME.json``, with an entry in
``docs/runs/index.json`` that gives this command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer.main
from typer.cli import get_docs_for_click

from app.cli import cli
from app.i18n import table
from core.evaluation.variants import PLAIN
from core.methods.registry import BASELINE, METHODS
from core.models.presets import MULTILINGUAL_E5
from core.settings import ROOT, Settings

DOCS = ROOT / "docs"
RUNS = DOCS / "runs"
BEGIN, END = "<!-- results: written by `python -m app.docs` -->", "<!-- end of results -->"
_GENERATED = "<!-- Written by `python -m app.docs`; edit the code instead. -->\n\n"
_SCORES = {"em": "EM", "f1": "F1", "recall": "Recall"}
_HEADS = ("Method", *_SCORES.values(), "EM - RAG", "First token", "Last token", "MB per 1,000 documents")
_PLAIN_NAMES = {"redis_url": "REDIS_URL", "ray_address": "RAY_ADDRESS"}


def pages() -> dict[Path, str]:
    """Every page with generated text, as it should stand on disk."""
    first, *_ = runs = saved_runs()
    sections = "\n".join(f"## {run['title']}\n\n{_run(run)}" for run in runs)
    return {
        ROOT / "README.md": _between(ROOT / "README.md", _scores(first["result"])),
        ROOT / "README.ko.md": _between(ROOT / "README.ko.md", _scores(first["result"], "ko")),
        DOCS / "results.md": _between(DOCS / "results.md", sections),
        DOCS / "reference" / "commands.md": _GENERATED + commands(),
        DOCS / "reference" / "settings.md": _GENERATED + settings(),
    }


def commands() -> str:
    """Reference of the command line, from the commands themselves."""
    group = typer.main.get_command(cli)
    return get_docs_for_click(obj=group, ctx=typer.Context(group), name="python -m app").strip() + "\n"


def settings() -> str:
    """Reference of the settings, from the docstring of ``Settings``."""
    meanings = dict(_attributes(Settings.__doc__ or ""))
    names = {field.name: _PLAIN_NAMES.get(field.name, f"TESSERA_{field.name.upper()}") for field in fields(Settings)}
    rows = [(f"`{names[field.name]}`", meanings[field.name], _default(field.default)) for field in fields(Settings)]
    where = "From the environment, or from a `.env` file in the project's folder; the environment wins."
    return f"# Settings\n\n{where}\n\n{_table(('variable', 'meaning', 'default'), rows)}"


def saved_runs() -> list[dict[str, Any]]:
    """Saved runs in the order of their index: ``title``, ``command``, ``note`` and ``result``."""
    index = json.loads((RUNS / "index.json").read_text(encoding="utf-8"))
    return [{**entry, "result": json.loads((RUNS / entry["file"]).read_text(encoding="utf-8"))} for entry in index]


def _run(run: Mapping[str, Any]) -> str:
    result = run["result"]
    machine, model = result["machine"], result["model"]
    facts = (
        f"{machine['processor']}, {machine['threads']} threads",
        f"{model['name']} in {model['dtype']}",
        result["created"][:10],
        f"n = {result['questions']}",
    )
    tables = _encoders(result) if "encoders" in result else _scores(result)
    return f"{run['note']}\n\n```sh\n{run['command']}\n```\n\n{'; '.join(facts)}.\n\n{tables}"


def _encoders(result: Mapping[str, Any]) -> str:
    """Recall of each encoder, and scores of RAG and CAG with it."""
    recalls = [
        (
            row["name"],
            *(_interval(row["recall"][k]) for k in row["recall"]),
            _interval(row["recall_difference"]["1"], signed=True),
            f"{row['cells']:,}",
            f"{row['nearest']:.2f}",
            f"{row['passage_ms']:,.0f} ms",
            f"{row['question_ms']:,.0f} ms",
        )
        for row in result["encoders"]
    ]
    answers = [
        (
            _with_encoder(method, row["name"]),
            *(_interval(figures.get(score)) for score in _SCORES),
            _interval(row["differences"][method]["em"], signed=True),
            f"{figures['ttft_ms']['median']:,.0f} ms",
        )
        for row in result["encoders"]
        for method, figures in row["methods"].items()
    ]
    heads = ("Encoder", "R@1", "R@3", "R@5", "R@1 - first", "Cells", "Gold in the nearest", "A passage", "A question")
    tables = _table(heads, recalls)
    if answers:
        tables += "\n" + _table(("Method", *_SCORES.values(), "EM - first", "First token"), answers)
    return tables


def _with_encoder(method: str, encoder: str) -> str:
    """A method with an encoder as one calls it; RAG with E5 is the dense baseline of many papers."""
    dense = method == BASELINE and encoder == MULTILINGUAL_E5.name
    return "Dense RAG (E5)" if dense else f"{METHODS[method].label}, {encoder}"


def _scores(result: Mapping[str, Any], language: str = "en") -> str:
    words = table(language)
    rows = []
    for name, scores in result["methods"].items():
        method = METHODS[name.split(PLAIN)[0]]
        label = words.get(method.label, method.label) + (f" `{PLAIN}`" if PLAIN in name else "")
        rows.append(
            (
                f"*{label}*" if method.role == "control" else label,
                *(_interval(scores.get(score)) for score in _SCORES),
                _interval(result[f"differences_to_{BASELINE}"].get(name, {}).get("em"), signed=True),
                *(f"{scores[clock]['median']:,.0f} ms" for clock in ("ttft_ms", "total_ms")),
                f"{result['efficiency'][name]['bytes_per_1000_documents'] / 1e6:,.1f}",
            )
        )
    return _table([words.get(head, head) for head in _HEADS], rows)


def _interval(interval: Mapping[str, float] | None, signed: bool = False) -> str:
    style = "+.2f" if signed else ".2f"
    return f"{interval['mean']:{style}} ({interval['lo']:{style}} to {interval['hi']:{style}})" if interval else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """Names and meanings of a Google-style ``Attributes`` section."""
    section = re.search(r"Attributes:\n(.*?)(?:\n\s*\n|\Z)", docstring, re.DOTALL)
    for entry in re.split(r"\n {4,8}(?=\w+: )", "\n" + section.group(1)) if section else ():
        name, colon, meaning = entry.strip().partition(": ")
        if colon:
            yield name, " ".join(meaning.split()).replace("``", "`")


def _default(value: object) -> str:
    if isinstance(value, Path):
        inside = value.is_relative_to(ROOT)
        return f"`{value.relative_to(ROOT)}`" if inside else f"`~/{value.relative_to(Path.home())}`"
    return "" if value == "" else f"`{value}`"


def _between(page: Path, content: str) -> str:
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n{content}\n{END}{rest.partition(END)[2]}"


def write() -> None:
    """Writes every page."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
