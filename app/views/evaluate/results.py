"""A saved run on the page: its table with intervals, the picture of quality, latency and storage, and its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app import state
from app.figures.evaluation import MethodPoint, describe_pareto, pareto_figure
from app.i18n import labels, saved, t, tn
from app.views.evaluate.costs import interval_text, show_costs, show_hops
from app.views.evaluate.failures import show_failures
from app.views.evaluate.judge import judge_line
from app.views.shared.chart import chart
from app.views.shared.frame import show_damaged
from app.views.shared.shipped import RUNS, shipped, shipped_line
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.corpus.sample import is_sample
from core.corpus.types import Corpus
from core.evaluation import harness
from core.evaluation.report import to_csv, to_html, to_json
from core.evaluation.runs import ANSWERS_FILE, RUN_FILE, list_runs, read_run
from core.evaluation.scoring import LABELS, MEANINGS
from core.evaluation.summary import answers_of, summarise
from core.evaluation.variants import parse_variants
from core.methods import registry
from core.workspace import Workspace

MAIN_SCORES = ("em", "f1", "recall", "context_precision", "faithfulness")
"""What a table shows that fits on a screen; the rest on request."""
_SHIPPED = "sample-test"


@dataclass(frozen=True)
class Loaded:
    """A run as it stands on disk."""

    folder: Path
    run: dict[str, Any]
    summary: dict[str, Any]
    answers: dict[str, dict[str, Any]]

    @property
    def labels(self) -> dict[str, str]:
        """Method to its name for people."""
        return {name: t(self.run["methods"][name]["label"]) for name in self.summary["methods"]}


@st.cache_resource(show_spinner=False, max_entries=4)
def _loaded(path: str, stamp: tuple[int, ...]) -> Loaded:
    folder = Path(path)
    answers = answers_of(folder)
    return Loaded(folder, read_run(folder), summarise(folder, answers=answers), answers)


def load(folder: Path) -> Loaded:
    """A run, read and scored again only when its files have changed.

    Raises:
        TesseraError: It cannot be read.
    """
    files = [path.stat() for name in (RUN_FILE, ANSWERS_FILE) if (path := folder / name).is_file()]
    loaded: Loaded = _loaded(str(folder), tuple(value for s in files for value in (s.st_mtime_ns, s.st_size)))
    return loaded


def choose_run(ws: Workspace, key: str, label: str = "", without: str = "") -> Path | None:
    """A selection among the workspace's runs, latest first; None when there is none to choose.

    Args:
        without: Name of a run that is not offered.
    """
    runs = {folder.name: folder for folder in list_runs(ws) if folder.name != without}
    if not runs:
        return None
    titles = {name: _title(folder) for name, folder in runs.items()}
    name = st.selectbox(label or t("Run"), list(titles), format_func=labels(titles), key=key)
    return runs.get(str(name))


def shipped_run(corpus: Corpus) -> Loaded | None:
    """The measured run that ships with the sample; None for another corpus."""
    return _shipped_run() if is_sample(corpus) else None


def show_example() -> None:
    """The run that ships, on a page that can measure nothing yet."""
    show_shipped(_shipped_run())


def _shipped_run() -> Loaded:
    summary = shipped(_SHIPPED)
    methods = {name: {"label": registry.METHODS[name].label} for name in summary["methods"]}
    return Loaded(RUNS, {"methods": methods}, summary, {})


def show_shipped(loaded: Loaded, measure: Callable[[], None] | None = None) -> None:
    """The run that ships: whose numbers they are, its tables and its picture.

    Args:
        measure: What the button does that measures on this machine; None where there is no button.
    """
    measured = loaded.summary
    model, machine = measured["model"], measured["machine"]
    facts = (measured["created"][:10], machine["processor"], saved(machine["device"]), model["name"], model["dtype"])
    shipped_line(facts, "eval-here", measure)
    _scores(loaded)
    _picture(loaded)
    show_costs(measured, loaded.labels)
    show_hops(measured["hops"], loaded.labels)


def _title(folder: Path) -> str:
    run = read_run(folder)
    questions = run["questions"]
    return t(
        "{created} · {n:,} of {source} · {methods}",
        created=run["created"][:16].replace("T", " "),
        n=questions["n"],
        source=questions["source"],
        methods=", ".join(t(facts["label"]) for facts in run["methods"].values()) or t("nothing answered yet"),
    )


def show_results(ws: Workspace, loaded: Loaded, busy: bool) -> None:
    """Everything about one run but its single answers."""
    _measured_on(loaded.run)
    if loaded.summary["damaged"]:
        show_damaged(loaded.summary["damaged"])
    _unfinished(ws, loaded, busy)
    if not loaded.summary["methods"]:
        st.info(t("This run has no answer yet."), icon=":material/hourglass_empty:")
        return
    _scores(loaded)
    show_failures(loaded.answers, loaded.labels)
    _picture(loaded)
    show_costs(loaded.summary, loaded.labels)
    show_hops(loaded.summary["hops"], loaded.labels)
    judge_line(ws, loaded.folder, loaded.run, busy)
    _files(loaded)


def _measured_on(run: Mapping[str, Any]) -> None:
    model, machine, questions = run["model"], run["machine"], run["questions"]
    reader = t("with reader") if model["adapter"] else t("plain")
    facts = (
        t(
            "{n:,} questions drawn from {all:,} by seed {seed}",
            n=questions["n"],
            all=questions["drawn_from"],
            seed=questions["seed"],
        ),
        tn(run["corpus"]["passages"], "{n:,} passage", "{n:,} passages"),
        f"{model['name']} {reader} · {run['encoder']['name']} · {saved(machine['device'])} · {model['dtype']}",
        t("top {k} · greedy", k=run["settings"]["top_k"]),
    )
    st.caption(":material/memory: " + escape(" · ".join(facts)).replace("\\·", "·"))


def _unfinished(ws: Workspace, loaded: Loaded, busy: bool) -> None:
    """Offers to go on when a method lacks answers."""
    asked = loaded.run["questions"]["n"]
    counts = {name: len(loaded.answers.get(name, {})) for name in loaded.run["wanted"]}
    short = {name: count for name, count in counts.items() if count < asked and not _needs_gold(name)}
    if not short or busy:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        counted = ", ".join(
            f"{escape(name)} {t('{done:,} of {total:,}', done=count, total=asked)}" for name, count in short.items()
        )
        st.caption(t(":material/pause_circle: Unfinished: {methods}.", methods=counted), width="content")
        st.button(
            t("Go on"),
            icon=":material/play_arrow:",
            key="eval-resume",
            on_click=_resume,
            args=(ws, loaded.folder, counts),
        )


def _needs_gold(name: str) -> bool:
    return registry.METHODS[parse_variants(name)[0].method].asks_gold


def _resume(ws: Workspace, folder: Path, names: Mapping[str, int]) -> None:
    variants = parse_variants(list(names))
    state.start_timed_job(ws.name, "Going on with a run", harness.resume, folder=folder, variants=variants)


def _scores(loaded: Loaded) -> None:
    methods = loaded.summary["methods"]
    st.subheader(t("Scores"), anchor=False)
    with st.container(horizontal=True, gap="medium"):
        differences = st.toggle(
            t("As differences to RAG, paired by question"),
            key="eval_differences",
            disabled=not loaded.summary["differences_to_rag"],
        )
        every = st.toggle(t("All scores"), key="eval_every")
    shown = loaded.summary["differences_to_rag"] if differences else methods
    metrics = LABELS if every else MAIN_SCORES
    names = [name for name in metrics if any(name in scores for scores in shown.values())]
    rows = [
        {
            "method": loaded.labels[method],
            "n": scores["em"]["n"] if "em" in scores else 0,
            **{name: interval_text(scores.get(name)) for name in names},
        }
        for method, scores in shown.items()
    ]
    config = {name: st.column_config.TextColumn(t(LABELS[name]), help=t(MEANINGS[name])) for name in names}
    config["method"] = st.column_config.TextColumn(t("Method"), pinned=True)
    show_table(rows, "eval-scores", config, height="content")
    if unanswerable := loaded.summary["unanswerable"]:
        st.caption(
            tn(
                unanswerable,
                "{n:,} question has no answer: it counts for refusing alone.",
                "{n:,} questions have no answer: they count for refusing alone.",
            )
        )
    st.caption(
        t(
            "Mean and 95 % interval (percentile bootstrap, 2,000 resamples). Where an interval of differences holds 0, "
            "these questions do not tell the two methods apart."
        )
    )


def _picture(loaded: Loaded) -> None:
    st.subheader(t("Quality, latency, storage"), anchor=False)
    methods = loaded.summary["methods"]
    names = [name for name in LABELS if all(name in scores for scores in methods.values())]
    if not names:
        return
    default = "f1" if "f1" in names else names[0]
    metric = st.segmented_control(
        t("Score"), names, default=default, required=True, format_func=labels(LABELS), key="eval_metric"
    )
    points = points_of(loaded, str(metric))
    label = t(LABELS[str(metric)])
    chart(pareto_figure(points, label), key="eval-pareto", alt=describe_pareto(points, label))
    st.caption(
        t(
            "Up is better, left is faster, a larger mark keeps more on disk for 1,000 documents. Methods in bold are "
            "beaten by no other in all three; faded ones are."
        )
    )


def points_of(loaded: Loaded, metric: str) -> list[MethodPoint]:
    """The methods of a run as points of the figure."""
    efficiency = loaded.summary["efficiency"]
    return [
        MethodPoint(
            name=name,
            label=loaded.labels[name],
            quality=scores[metric]["mean"],
            lo=scores[metric]["lo"],
            hi=scores[metric]["hi"],
            ms=scores["total_ms"]["median"],
            bytes=efficiency[name]["bytes_per_1000_documents"],
            n=scores[metric]["n"],
        )
        for name, scores in loaded.summary["methods"].items()
    ]


def _files(loaded: Loaded) -> None:
    """The run as files; each is made when it is asked for."""
    answered = sum(len(rows) for rows in loaded.answers.values())
    st.subheader(t("Download"), anchor=False)
    kinds = (
        (t("Report"), "html", "text/html", ":material/article:", lambda: to_html(loaded.folder)),
        ("CSV", "csv", "text/csv", ":material/table:", lambda: to_csv(loaded.folder)),
        ("JSON", "json", "application/json", ":material/data_object:", lambda: to_json(loaded.folder)),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, suffix, mime, icon, make in kinds:
            st.download_button(
                label, make, f"{loaded.folder.name}.{suffix}", mime, key=f"eval-{suffix}", icon=icon, on_click="ignore"
            )
        answers = tn(answered, "{n:,} answer", "{n:,} answers")
        st.caption(t("{answers}, with the full configuration of the run.", answers=answers), width="content")
