"""``eval-memory``: what the memory of a workspace is worth, with its controls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def eval_memory(
    questions: Annotated[
        Path | None, typer.Option(help="A questions file (JSONL); without it, the corpus' own questions.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which of the corpus' own questions: train, dev or test.")] = "test",
    n: Annotated[int | None, typer.Option("--n", min=1, help="Ask the first N questions of each kind.")] = None,
    read: Annotated[
        str,
        typer.Option(
            help="prefix, kv, all or cross: soft tokens of the routed z, their kept keys and values, every z at once, "
            "or z looked at by the layers, which it has to be trained for. '' reads it as it was trained."
        ),
    ] = "",
    top_r: Annotated[int, typer.Option("--top-r", min=1, help="How many routed documents are read at once.")] = 1,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Measure routing, evidence and answers of the memory beside its controls, RAG's time and the bytes of both.

    Questions about documents that the memory does not hold measure the null slot. Resumes where it stopped.

    Example: python -m app eval-memory --split test --json
    """
    from app.cli.evaluate import every_question
    from core.evaluation.memory_eval import evaluate_memory, run_folder, sort_questions
    from core.evaluation.memory_figures import null_figures, summarise
    from core.memory.modes import ReadConfig
    from core.memory.store import read_card
    from core.methods.memory import LlmAsMemory
    from core.methods.resources import Resources
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        resources = Resources(ws, Models(settings))
        corpus = resources.corpus
        wanted = every_question(questions, split, corpus)
        mode = read or read_card(ws.require("memory")).config.read
        arm = LlmAsMemory(resources, ReadConfig(mode, top_r, settings.cache_bytes))
        asked = sort_questions(wanted, corpus, arm.memory.pool.ids, n)
        folder = run_folder(resources, asked, arm)
        drive(evaluate_memory(resources, asked, arm, folder))
        figures = summarise(folder, ws)
        if as_json:
            emit(figures)
        else:
            _show(figures, null_figures(folder))


def _show(figures: dict[str, Any], nulls: dict[str, Any]) -> None:
    table = Table("z that is read", "ROUGE-L", "answer in evidence", "EM")
    for name, part in (("routed", figures), ("shuffled", figures["shuffled"]), ("gold (oracle)", figures["oracle"])):
        table.add_row(name, *(f"{part[metric]:.3f}" for metric in ("rouge_l", "coverage", "em")))
    console.print(table)
    rag = "-" if figures["rag_ms"] is None else f"{figures['rag_ms']:,.0f} ms"
    lines = [
        f"{figures['n_questions']} questions, {figures['n_documents']:,} documents; F1 {figures['f1']:.3f}.",
        f"Routing: Recall@1 {figures['recall_at_1']:.3f}, Recall@5 {figures['recall_at_5']:.3f}; "
        f"BM25's Recall@1 {figures['bm25_recall_at_1']:.3f}.",
        f"Routed right, said wrong: {figures['routed_right_said_wrong']:.3f}.",
        f"Called 'not in memory' though it is: {nulls['false_nulls']:.3f}; refused by its z: {nulls['refused']:.3f}.",
        f"To the end of the evidence {figures['evidence_ms']:,.0f} ms, to the end of RAG's answer {rag} (medians).",
    ]
    if nulls["foreign_questions"]:
        lines.append(
            f"Of {nulls['foreign_questions']} questions about other documents the null slot caught "
            f"{nulls['foreign_caught']:.3f}, slot or z {nulls['foreign_stopped']:.3f}; "
            f"precision of the slot {figures['null_precision']:.3f}."
        )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
