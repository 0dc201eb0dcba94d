"""``eval-memory`` and ``ablate``: what a memory is worth with its controls, and what each choice in it is worth."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import (
    MemoryOrderOption,
    QuestionsOption,
    SplitOption,
    WorkspaceOption,
    console,
    deliver,
    drive,
    emit,
    open_resources,
    say,
    wants_json,
)
from core.normalise import comma_separated
from core.units import timestamp


def eval_memory(
    questions: QuestionsOption = None,
    split: SplitOption = "test",
    n: Annotated[int | None, typer.Option("--n", min=1, help="Ask the first N questions of each kind.")] = None,
    read: Annotated[
        str,
        typer.Option(
            help="prefix, kv or cross: soft tokens of the routed z, their kept keys and values, "
            "or z looked at by the layers, which it has to be trained for. '' reads it as it was trained."
        ),
    ] = "",
    top_r: Annotated[int, typer.Option("--top-r", min=1, help="How many routed documents are read at once.")] = 1,
    memory_order: MemoryOrderOption = None,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Measure routing, evidence and answers of the memory beside its controls, RAG's time and the bytes of both.

    Questions about documents that the memory does not hold measure the null slot. Resumes where it stopped.

    Example: python -m app eval-memory --split test --json
    """
    from app.cli.evaluate import every_question
    from core.evaluation.memory_eval import evaluate_memory, run_folder, sort_questions
    from core.evaluation.memory_figures import null_figures, summarise
    from core.memory.store import read_card
    from core.memory.z_reader import ReadConfig
    from core.methods.memory import LlmAsMemory

    resources = open_resources(workspace, memory_order=memory_order)
    ws, corpus = resources.workspace, resources.corpus
    chosen = every_question(questions, split, corpus)
    mode = read or read_card(ws.require("memory")).config.read
    method = LlmAsMemory(resources, ReadConfig(mode, top_r))
    sorted_questions = sort_questions(chosen, corpus, method.memory.pool.ids, n)
    folder = run_folder(resources, sorted_questions, method)
    drive(evaluate_memory(resources, sorted_questions, method, folder))
    figures = summarise(folder, ws)
    deliver(figures, lambda: _show_evaluation(figures, null_figures(folder)))


def _show_evaluation(figures: dict[str, Any], nulls: dict[str, Any]) -> None:
    table = Table("z that is read", "ROUGE-L", "answer in evidence", "EM")
    for name, part in (("routed", figures), ("shuffled", figures["shuffled"]), ("gold (oracle)", figures["oracle"])):
        table.add_row(name, *(f"{part[metric]:.3f}" for metric in ("rouge_l", "coverage", "em")))
    console.print(table)
    lines = [
        f"{figures['n_questions']} questions, {figures['n_documents']:,} documents; F1 {figures['f1']:.3f}.",
        f"Routing: Recall@1 {figures['recall_at_1']:.3f}, Recall@5 {figures['recall_at_5']:.3f}; "
        f"BM25's Recall@1 {figures['bm25_recall_at_1']:.3f}.",
        f"Routed right, said wrong: {figures['routed_right_said_wrong']:.3f}.",
        f"Called 'not in memory' though it is: {nulls['false_nulls']:.3f}; refused by its z: {nulls['refused']:.3f}.",
        f"{figures['order'].capitalize()} first, read by {figures['read_mode']}; "
        f"{figures['bytes_per_document'] / 1e3:,.1f} KB a document.",
        f"First token {figures['ttft_ms']:,.0f} ms, whole answer {figures['total_ms']:,.0f} ms, "
        f"evidence {figures['evidence_ms']:,.0f} ms (medians).",
    ]
    if figures["rag_ms"] is not None:
        lines.append(f"RAG: first token {figures['rag_ttft_ms']:,.0f} ms, whole answer {figures['rag_ms']:,.0f} ms.")
    if nulls["foreign_questions"]:
        lines.append(
            f"Of {nulls['foreign_questions']} questions about other documents the null slot caught "
            f"{nulls['foreign_caught']:.3f}, slot or z {nulls['foreign_stopped']:.3f}; "
            f"precision of the slot {figures['null_precision']:.3f}."
        )
    for line in lines:
        say(line)


def ablate(
    what: Annotated[
        str,
        typer.Option(help="Comma-separated: m, z_dim, rank, loss, self-study, init, reading, read-mode, sentences."),
    ] = "m,z_dim,rank,loss,self-study,init,reading,read-mode,sentences",
    minutes: Annotated[float, typer.Option(help="Minutes of training for all variants together.")] = 60.0,
    steps: Annotated[int, typer.Option(min=0, help="Steps of every variant, in place of --minutes.")] = 0,
    preset: Annotated[str, typer.Option(help="The memory that variants differ from; see train.")] = "laptop",
    n: Annotated[int, typer.Option("--n", min=1, help="Dev questions that each variant is asked.")] = 24,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Train variants of the memory equally long, one change at a time, and measure them side by side. Resumes.

    Example: python -m app ablate --what rank,read-mode --minutes 60
    """
    from core.labs import ablation
    from core.memory.presets import load_preset
    from core.models.device import choose_device, describe
    from core.models.machine import machine

    names = tuple(comma_separated(what))
    base = load_preset(preset)
    plan = ablation.AblationPlan(names, minutes, n, base.config, steps, base.start)
    resources = open_resources(workspace)
    folder = ablation.ablation_folder(resources, plan)
    rows = drive(ablation.ablate(resources, folder, plan))["rows"]
    if wants_json():
        device = describe(choose_device(resources.settings.device))
        made = {"created": timestamp(), "machine": machine(device)}
        passages = len(resources.corpus.passages)
        emit({**made, "workspace": resources.workspace.name, "passages": passages, "variants": rows})
    else:
        _show_variants(rows)


def _show_variants(rows: list[dict[str, Any]]) -> None:
    table = Table("variant", "R@1", "ROUGE-L", "shuffled", "difference", "in evidence", "EM", "evidence ms", "MB/1,000")
    for row in rows:
        shuffled = row["shuffled"]["rouge_l"]
        figures = [row["recall_at_1"], row["rouge_l"], shuffled, row["rouge_l"] - shuffled, row["coverage"], row["em"]]
        cells = [f"{figure:.3f}" for figure in figures]
        table.add_row(
            row["variant"], *cells, f"{row['evidence_ms']:,.0f}", f"{row['bytes_per_1000_documents'] / 1e6:,.0f}"
        )
    console.print(table)
    say(f"{rows[0]['steps']} steps each, {rows[0]['n_questions']} dev questions.")
