"""``search`` and ``hybrid``: passages nearest to a text; ``routing``: how often opened cells hold the gold passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from app.cli.common import (
    QuestionsOption,
    SplitOption,
    WorkspaceOption,
    console,
    deliver,
    drive,
    open_resources,
    say,
    settings_and_workspace,
    warn,
)
from app.cli.evaluate import chosen_questions
from core.units import plural

if TYPE_CHECKING:
    from core.labs.benchmarks.routing_recall import RecallReport

TextOption = Annotated[str, typer.Option("--text", "-t", help="What to look for.")]
CountOption = Annotated[int, typer.Option("--k", "-k", help="Most hits wanted.")]
FilterOption = Annotated[
    list[str] | None, typer.Option("--filter", "-f", help="FIELD=VALUE, exactly; fields: topic, title. Repeatable.")
]
_SHOWN_CHARACTERS = 160


def search(
    text: TextOption,
    store: Annotated[str, typer.Option(help="An index that is built: see `index`.")] = "redis-flat",
    k: CountOption = 5,
    narrow: FilterOption = None,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Find the nearest passages in one store.

    Example: python -m app search --text "Who invented the drum lens?" --store redis-flat --filter topic=lenses
    """
    result = _search(text, store, k, narrow or (), workspace, {})
    deliver(result, lambda: _show_hits(result))


def hybrid(
    text: TextOption,
    store: Annotated[str, typer.Option(help="redis-flat or redis-hnsw.")] = "redis-flat",
    k: CountOption = 5,
    keywords: Annotated[
        int, typer.Option(min=1, max=100, help="What the words weigh beside the vector, in percent.")
    ] = 30,
    require: Annotated[
        str,
        typer.Option(
            help="any or every: instead of weighing the words, compare only the vectors of passages that hold any or "
            "every word."
        ),
    ] = "",
    narrow: FilterOption = None,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Find passages in Redis by vector and words together: scores fused (BM25), or words as a filter before the vector.

    Example: python -m app hybrid --text "drum lens" --keywords 50
    """
    options = {"required_words": required(require)} if require else {"keyword_percent": keywords}
    result = _search(text, store, k, narrow or (), workspace, options)
    deliver(result, lambda: _show_hits(result))


def required(words: str) -> int:
    """The value of the search option ``required_words``.

    Raises:
        TesseraError: It is neither "any" nor "every".
    """
    from core.errors import TesseraError

    if words not in ("any", "every"):
        raise TesseraError(f"The option --require is {words!r}.", "Choose one of: any, every.")
    return 1 + (words == "every")


def parse_filters(pairs: Sequence[str]) -> dict[str, str]:
    """Filters from "FIELD=VALUE".

    Raises:
        TesseraError: There is no "=" in one, or a field comes twice.
    """
    from core.errors import TesseraError

    parsed: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise TesseraError(f"{pair!r} is no filter.", "Write --filter topic=VALUE.")
        if name in parsed:
            raise TesseraError(f"There are two filters for {name!r}.", "Give one for each field.")
        parsed[name] = value
    return parsed


def _search(
    text: str, store: str, k: int, narrow: Sequence[str], workspace: str, options: dict[str, int]
) -> dict[str, Any]:
    from core.artefacts import index_kind
    from core.corpus import store as corpus_store
    from core.errors import TesseraError
    from core.methods.base import as_evidence
    from core.methods.script_warnings import script_warnings
    from core.models.registry import Models
    from core.stores.base import SearchRequest
    from core.stores.registry import find_store
    from core.trace import timed

    if not text.strip():
        raise TesseraError("There is nothing to look for.", "Give it with --text.")
    filters = parse_filters(narrow)
    settings, ws = settings_and_workspace(workspace)
    spec = find_store(store)
    SearchRequest(k=k, filter=filters, options=options)  # checks the options before a model is loaded
    passages = ws.read("corpus", corpus_store.load).passages
    folder = ws.require(index_kind(store))
    encoder = Models(settings).encoder() if "vector" in spec.searches else None
    if encoder:
        ws.require(index_kind(store), {"encoder": encoder.fingerprint})
    index = spec.open(folder)
    vector = encoder.encode_query(text) if encoder else None
    request = SearchRequest(k=k, vector=vector, text=text, filter=filters, options=options)
    hits, took_ms = timed(lambda: index.search(request))
    stats = index.stats()
    by_id = {passage.id: passage for passage in passages}
    pieces = as_evidence([by_id[hit.passage_id] for hit in hits], [hit.score for hit in hits])
    return {
        "text": text,
        "store": store,
        "backend": stats.backend,
        "documents": stats.documents,
        "search_ms": round(took_ms, 3),
        "warnings": list(script_warnings(text, encoder)),
        "hits": [{**piece.to_json(), "topic": by_id[piece.passage_id].topic} for piece in pieces],
    }


def _show_hits(result: dict[str, Any]) -> None:
    warn(result["warnings"])
    for rank, hit in enumerate(result["hits"], start=1):
        line = f"{rank:>2}  {hit['score']:.3f}  {hit['cited']}  [{hit['passage_id']}]"
        say(line)
        say(f"           {hit['text'][:_SHOWN_CHARACTERS]}")
    if not result["hits"]:
        console.print("Nothing was found.")
    hits, documents = len(result["hits"]), result["documents"]
    say(f"{result['backend']}: {hits} of {documents:,} passages in {result['search_ms']:.1f} ms.")


def routing(
    questions: QuestionsOption = None,
    split: SplitOption = "dev",
    n: Annotated[int | None, typer.Option("--n", min=1, help="Route the first N questions.")] = None,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Measure what looking into more cells (nprobe) finds and reads, against a search of all passages.

    The Map page draws what was measured.

    Example: python -m app routing --split test
    """
    from core.labs.benchmarks.routing_recall import measure_recall, saved_report

    resources = open_resources(workspace)
    ws, corpus = resources.workspace, resources.corpus
    labelled = chosen_questions(questions, split, corpus)[:n]
    name = questions.stem if questions else split
    drive(measure_recall(ws, resources.models, labelled, corpus.index(), name, resources.settings.top_k))
    report = saved_report(ws, name)
    if report is None:
        raise RuntimeError("a report that was just written is there")  # a bug, not a user's error
    deliver({"workspace": ws.name, **asdict(report)}, lambda: _show(report))


def _show(report: RecallReport) -> None:
    blocks = Table("cells looked into", "share", f"Recall@{report.k}", "passages compared", "KB of vectors")
    for search in report.searches:
        mark = " (default)" if search.nprobe == report.default else ""
        share = f"{search.nprobe / report.cells:.1%}"
        cells = (f"{search.recall:.3f}", f"{search.passages:,.0f}", f"{search.bytes / 1e3:,.0f}")
        blocks.add_row(f"{search.nprobe:,}{mark}", share, *cells)
    console.print(blocks)
    table = Table("whole cells opened", "recall of the gold passage", "tokens opened")
    for point in report.points:
        table.add_row(str(point.nprobe), f"{point.recall:.3f}", f"{point.tokens:,.0f}")
    console.print(table)
    console.print(f"{plural(report.questions, 'question')} ({report.split}), {plural(report.cells, 'cell')}.")
