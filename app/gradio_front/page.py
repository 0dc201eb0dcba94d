"""The page of the Gradio front. What documents and models wrote goes into text boxes, which format nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gradio as gr
import pandas as pd

from app.asking import Failed, Happening, Opening, Run, Waiting
from app.export import record
from app.gradio_front.desk import USUAL, Desk
from app.gradio_front.tools import Tools, refusal
from app.links import MAX_QUESTION, MAX_TOP_K
from app.run_rows import table, timings
from core.corpus import store as corpus_store
from core.errors import TesseraError
from core.figures.palette import MUTED
from core.figures.timing import timing_figure
from core.figures.units import seconds
from core.methods import registry
from core.methods.base import Answer, Finished, Found, Text, Working

MODEL = "model"
"""Everything that computes shares this one place in the queue."""
_BESIDE = 3
_EXAMPLES = 4
_ON_ANY_GROUND = {
    "template": "none",
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": MUTED},
}
_INTRODUCTION = (
    "# Tessera\nThree ways a language model can know your documents, on the same question, with honest clocks: it "
    "**reads** them when asked (RAG), it **continues** from having read them (KV-cache CAG), or it **remembers** them "
    "as learned vectors (LLM-as-Memory). **Closed book** is the control. Arms run one after another."
)


@dataclass(frozen=True)
class Place:
    """Where one arm is drawn."""

    column: gr.Column
    answer: gr.Textbox
    evidence: gr.Textbox


def build_page(desk: Desk, waiting: int) -> gr.Blocks:
    """The demo with its API.

    Args:
        desk: Answers.
        waiting: Most questions in the queue; further ones are refused.
    """
    with gr.Blocks(title="Tessera", analytics_enabled=False) as demo:
        gr.Markdown(_INTRODUCTION)
        with gr.Row(equal_height=True):
            question = gr.Textbox(label="Your question", max_length=MAX_QUESTION, scale=5, autofocus=True)
            passages = gr.Slider(1, MAX_TOP_K, value=3, step=1, label="Passages for RAG", scale=2)
        ready = [name for name in USUAL if name in registry.METHODS and not desk.lacking(name)]
        names = [(spec.label, name) for name, spec in registry.METHODS.items()]
        methods = gr.CheckboxGroup(names, value=ready, label="Methods")
        with gr.Row():
            go = gr.Button("Ask", variant="primary")
            stop = gr.Button("Stop")
        if examples := _examples(desk):
            gr.Examples([[text] for text in examples], question, label="Questions that no training has seen")
        status = gr.Textbox(label="What happens", value="Ready.", interactive=False)
        places = _places(ready)
        gr.Markdown("### Where the time went")
        chart = gr.Plot(show_label=False)
        numbers = gr.Dataframe(label="The numbers: times in ms, counts in tokens", interactive=False)
        with gr.Accordion("Everything, as JSON", open=False):
            kept = gr.JSON(show_label=False)
        outputs: list[gr.components.Component | gr.Column] = [status, chart, numbers, kept]
        for place in places.values():
            outputs += [place.column, place.answer, place.evidence]
        fill = _filler(desk, status, places, chart, numbers, kept)
        asked = gr.on(
            [go.click, question.submit],
            fill,
            [question, methods, passages],
            outputs,
            concurrency_limit=1,
            concurrency_id=MODEL,
            api_name="compare_stream",
            api_visibility="undocumented",
        )
        stop.click(lambda: "Stopped.", None, status, cancels=[asked], queue=False, api_visibility="private")
        _offer(Tools(desk))
    demo.queue(max_size=waiting, default_concurrency_limit=1)
    return demo


def _offer(tools: Tools) -> None:
    for function in (tools.compare, tools.ask, tools.search_passages):
        gr.api(function, api_name=function.__name__, concurrency_limit=1, concurrency_id=MODEL)
    gr.api(tools.list_methods, api_name="list_methods")


def _places(shown: list[str]) -> dict[str, Place]:
    places = {}
    names = list(registry.METHODS)
    for start in range(0, len(names), _BESIDE):
        with gr.Row():
            for name in names[start : start + _BESIDE]:
                with gr.Column(visible=name in shown, min_width=280) as column:
                    answer = gr.Textbox(label=registry.METHODS[name].label, interactive=False, lines=2)
                    evidence = gr.Textbox(label="Answers from", interactive=False, lines=4, max_lines=10)
                places[name] = Place(column, answer, evidence)
    return places


def _filler(
    desk: Desk, status: gr.Textbox, places: dict[str, Place], chart: gr.Plot, numbers: gr.Dataframe, kept: gr.JSON
) -> Callable[[str, list[str], float], Iterator[dict[Any, Any]]]:
    def fill(question: str, methods: list[str], passages: float) -> Iterator[dict[Any, Any]]:
        try:
            run = Run(desk.choose(question, methods, int(passages)))
        except TesseraError as error:
            raise refusal(error) from error
        cleared: dict[Any, Any] = {chart: None, numbers: None, kept: None, status: "Waiting for the model."}
        for name, place in places.items():
            cleared |= {place.column: gr.Column(visible=name in methods), place.answer: "", place.evidence: ""}
        yield cleared
        said: dict[str, str] = {}
        with closing(desk.stream(run)) as happenings:
            for name, happening in happenings:
                yield _drawn(name, happening, said, status, places[name])
        rows = timings(run)
        yield {
            status: _done(run),
            chart: timing_figure(rows).update_layout(_ON_ANY_GROUND) if rows else None,
            numbers: pd.DataFrame(table(run)).round(1),
            kept: record(run),
        }

    return fill


def _drawn(name: str, happening: Happening, said: dict[str, str], status: gr.Textbox, place: Place) -> dict[Any, Any]:
    label = registry.METHODS[name].label
    if isinstance(happening, Finished):
        return {status: f"{label}: done.", **_answered(happening.answer, place)}
    if isinstance(happening, Failed):
        return {status: f"{label} could not answer.", place.answer: f"{happening.what} {happening.remedy}".strip()}
    if isinstance(happening, Text):
        said[happening.part + name] = said.get(happening.part + name, "") + happening.text
        box = place.answer if happening.part == "answer" else place.evidence
        return {status: f"{label}: writing.", box: said[happening.part + name]}
    if isinstance(happening, Found):
        return {status: f"{label}: found what to answer from."}
    doing = "opening, not timed" if isinstance(happening, Opening) else "working"
    if isinstance(happening, Waiting):
        doing = f"waits for the model, {happening.ahead} before"
    elif isinstance(happening, Working):
        doing = happening.stage
    return {status: f"{label}: {doing}."}


def _answered(answer: Answer, place: Place) -> dict[Any, Any]:
    clocks = f"first token {seconds(answer.trace.ttft_ms)}, last token {seconds(answer.trace.total_ms)}"
    evidence = "\n\n".join(f"{e.title or e.passage_id} ({e.score:.3f})\n{e.text}" for e in answer.evidence)
    return {
        place.answer: gr.Textbox(value=answer.text or "(said nothing)", info=clocks),
        place.evidence: evidence or "nothing: from the weights alone",
    }


def _done(run: Run) -> str:
    ground = run.ground
    if ground is None:
        return "No arm answered."
    reader = "with the reader adapter" if ground.reader else "plain"
    return f"Done. {ground.model} {reader}, {ground.encoder}, {ground.device}, {ground.dtype}, greedy, n = 1."


def _examples(desk: Desk) -> list[str]:
    if desk.ws.state("corpus").status != "ready":
        return []
    corpus = corpus_store.load(desk.ws.require("corpus"))
    held_out = [*corpus.questions.get("dev", ()), *corpus.questions.get("test", ())]
    return [question.text for question in held_out[:: max(1, len(held_out) // _EXAMPLES)]][:_EXAMPLES]
