"""The page of the Gradio front. What documents and models wrote goes into text boxes, which format nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gradio as gr
import pandas as pd
from gradio.route_utils import FnIndexInferError

from app.cited_pages import cited_pages
from app.export import record
from app.figures.palette import MUTED
from app.figures.timing import timing_figure
from app.gradio.service import ComparisonService
from app.gradio.tools import Arguments, Tools
from app.links import MAX_QUESTION, MAX_TOP_K
from app.run_rows import disturbance, table, timings, verdicts
from core.corpus import store as corpus_store
from core.errors import TesseraError
from core.evaluation.lessons import Suggestion, suggestions
from core.evaluation.verdict import Verdict
from core.methods import registry
from core.methods.base import Answer, EvidenceChosen, Finished, Text, Working
from core.methods.comparison import Failed, Opening, Run, RunEvent, Waiting
from core.units import seconds

MODEL = "model"
"""Everything that computes shares this one place in the queue."""
_BESIDE = 3
_EXAMPLES = 5
_ON_ANY_GROUND = {
    "template": "none",
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": MUTED},
}
_INTRODUCTION = (
    "# Tessera\nThree ways a language model can know your documents, on the same question, with comparable clocks: it "
    "**reads** them when asked (RAG), it **continues** from having read them (KV-cache CAG), or it **remembers** them "
    "as learned vectors (LLM-as-Memory). **Closed book** is the control. Methods run one after another."
)


@dataclass(frozen=True)
class MethodColumn:
    """Where one method is drawn."""

    column: gr.Column
    answer: gr.Textbox
    evidence: gr.Textbox


class _Functions(dict[int, Any]):
    """Events by number; a number that there is not is refused as a name is that there is not."""

    def __missing__(self, number: int) -> Any:
        raise FnIndexInferError(number)


class CheckedBlocks(gr.Blocks):
    """Checks what an event is given before any component sees it; what cannot be is a sentence and no traceback.

    Attributes:
        arguments: Of the events that programs may call, by their names.
    """

    arguments: Mapping[str, Arguments]

    async def process_api(self, block_fn: Any, inputs: list[Any], *others: Any, **named: Any) -> dict[str, Any]:
        """See Gradio; called for every event, from the page and from programs."""
        event = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        try:
            if (name := str(event.api_name)) in self.arguments:
                inputs = list(self.arguments[name].checked(inputs).values())
            return await super().process_api(block_fn, inputs, *others, **named)
        except TesseraError as error:
            raise gr.Error(str(error), title="Not possible", print_exception=False) from error
        except gr.Error as error:
            error.print_exception = False
            raise


def build_page(service: ComparisonService, tools: Tools, waiting: int) -> gr.Blocks:
    """The demo with its API.

    Args:
        waiting: Most questions in the queue; further ones are refused.
    """
    with CheckedBlocks(title="Tessera", analytics_enabled=False) as demo:
        gr.Markdown(_INTRODUCTION)
        with gr.Row(equal_height=True):
            question = gr.Textbox(label="Your question", max_length=MAX_QUESTION, scale=5, autofocus=True)
            passages = gr.Slider(1, MAX_TOP_K, value=3, step=1, label="Passages", scale=2)
        ready = [name for name in registry.default_methods() if not service.lacking(name)]
        names = [(registry.METHODS[name].label, name) for name in registry.offered_methods(service.settings)]
        methods = gr.CheckboxGroup(names, value=ready, label="Methods")
        with gr.Row():
            go = gr.Button("Ask", variant="primary")
            stop = gr.Button("Stop")
        if examples := _examples(service):
            gr.Examples(
                [[example.question.text] for example in examples],
                question,
                label="Questions that no training has seen",
                example_labels=[
                    ": ".join(filter(None, (example.label, example.question.text))) for example in examples
                ],
            )
        status = gr.Textbox(label="What happens", value="Ready.", interactive=False)
        columns = _method_columns(ready)
        pages = gr.HTML(show_label=False)
        gr.Markdown("### Where the time went")
        chart = gr.Plot(show_label=False)
        numbers = gr.Dataframe(label="The numbers: times in ms, counts in tokens", interactive=False)
        with gr.Accordion("Everything, as JSON", open=False):
            json_box = gr.JSON(show_label=False)
        outputs: list[gr.components.Component | gr.Column] = [status, pages, chart, numbers, json_box]
        for boxes in columns.values():
            outputs += [boxes.column, boxes.answer, boxes.evidence]
        fill = _filler(service, status, columns, pages, chart, numbers, json_box)
        submitted = gr.on(
            [go.click, question.submit],
            fill,
            [question, methods, passages],
            outputs,
            concurrency_limit=1,
            concurrency_id=MODEL,
            api_name="compare_stream",
            api_visibility="undocumented",
        )
        stop.click(lambda: "Stopped.", None, status, cancels=[submitted], queue=False, api_visibility="private")
        _offer(tools)
        demo.arguments = {**tools.arguments, "compare_stream": Arguments(fill)}
        demo.default_config.fns = _Functions(demo.fns)
    demo.queue(max_size=waiting, default_concurrency_limit=1)
    return demo


def _offer(tools: Tools) -> None:
    for name, function in tools.functions.items():
        gr.api(function, api_name=name, concurrency_limit=1, concurrency_id=name if name == "list_methods" else MODEL)


def _method_columns(shown: list[str]) -> dict[str, MethodColumn]:
    columns = {}
    names = list(registry.METHODS)
    for start in range(0, len(names), _BESIDE):
        with gr.Row():
            for name in names[start : start + _BESIDE]:
                with gr.Column(visible=name in shown, min_width=280) as column:
                    answer = gr.Textbox(label=registry.METHODS[name].label, interactive=False, lines=2)
                    evidence = gr.Textbox(label="Answers from", interactive=False, lines=4, max_lines=10)
                columns[name] = MethodColumn(column, answer, evidence)
    return columns


def _filler(
    service: ComparisonService,
    status: gr.Textbox,
    columns: dict[str, MethodColumn],
    pages: gr.HTML,
    chart: gr.Plot,
    numbers: gr.Dataframe,
    json_box: gr.JSON,
) -> Callable[[str, list[str], int], Iterator[dict[Any, Any]]]:
    def fill(question: str, methods: list[str], passages: int) -> Iterator[dict[Any, Any]]:
        run = service.begin(service.choose(question, methods, passages))
        cleared: dict[Any, Any] = {
            pages: "",
            chart: None,
            numbers: None,
            json_box: None,
            status: "Waiting for the model.",
        }
        for name, boxes in columns.items():
            cleared |= {boxes.column: gr.Column(visible=name in methods), boxes.answer: "", boxes.evidence: ""}
        yield cleared
        texts: dict[str, str] = {}
        with closing(service.stream(run)) as events:
            for name, event in events:
                yield _drawn(name, event, texts, status, columns[name])
        rows = timings(run)
        judged = {columns[name].answer: _judged(run.answers[name], verdict) for name, verdict in verdicts(run).items()}
        yield {
            **judged,
            status: _done(run),
            chart: timing_figure(rows).update_layout(_ON_ANY_GROUND) if rows else None,
            numbers: pd.DataFrame(table(run)).round(1),
            json_box: record(run),
        }
        yield {pages: cited_pages(run, service.ws)}  # the clocks have stopped

    return fill


def _drawn(
    name: str, event: RunEvent, texts: dict[str, str], status: gr.Textbox, boxes: MethodColumn
) -> dict[Any, Any]:
    label = registry.METHODS[name].label
    if isinstance(event, Finished):
        return {status: f"{label}: done.", **_answered(event.answer, boxes)}
    if isinstance(event, Failed):
        return {status: f"{label} could not answer.", boxes.answer: f"{event.what} {event.remedy}".strip()}
    if isinstance(event, Text):
        texts[event.part + name] = texts.get(event.part + name, "") + event.text
        box = boxes.answer if event.part == "answer" else boxes.evidence
        return {status: f"{label}: writing.", box: texts[event.part + name]}
    if isinstance(event, EvidenceChosen):
        return {status: f"{label}: found what to answer from."}
    doing = "loading models and files, not timed" if isinstance(event, Opening) else "working"
    if isinstance(event, Waiting):
        doing = f"waits for the model, {event.ahead} before"
    elif isinstance(event, Working):
        doing = event.stage
    return {status: f"{label}: {doing}."}


def _answered(answer: Answer, boxes: MethodColumn) -> dict[Any, Any]:
    evidence = "\n\n".join(f"{e.cited} ({e.score:.3f})\n{e.text}" for e in answer.evidence)
    return {
        boxes.answer: gr.Textbox(value=answer.text or "(said nothing)", info=_clocks(answer)),
        boxes.evidence: evidence or "nothing: from the weights alone",
    }


def _clocks(answer: Answer) -> str:
    return f"first token {seconds(answer.trace.ttft_ms)}, last token {seconds(answer.trace.total_ms)}"


def _judged(answer: Answer, verdict: Verdict) -> gr.Textbox:
    """The answer with its verdict, and why."""
    return gr.Textbox(info=f"{verdict.style.symbol} {verdict.style.label}: {verdict.why} {_clocks(answer)}")


def _done(run: Run) -> str:
    context = run.context
    if context is None:
        return "No method answered."
    reader = "with the reader adapter" if context.reader else "plain"
    done = f"Done. {context.model} {reader}, {context.encoder}, {context.device}, {context.dtype}, greedy, n = 1."
    return "\n\n".join((f"{done} {disturbance(run)}", *(f"**{warning}**" for warning in run.warnings)))


def _examples(service: ComparisonService) -> list[Suggestion]:
    if service.ws.state("corpus").status != "ready":
        return []
    corpus = corpus_store.load(service.ws.require("corpus"))
    return suggestions(service.ws, corpus, service.settings, _EXAMPLES)
