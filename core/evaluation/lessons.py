"""Suggested questions. Those of the sample are lessons: each has a label for what it was measured to show.

    for suggestion in suggestions(ws, corpus, settings, 3):
        suggestion.label, suggestion.question.text      # "No answer exists", "Which bird ..."

``data/sample/lessons.json`` keeps the lessons with what was measured. They hold for the settings and artefacts of that
measurement: where these are others, and for every other corpus, held-out questions are suggested without a label.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

from core.corpus.sample import SAMPLE, load_unseen
from core.corpus.types import Corpus, Question
from core.evaluation.summary import Rows
from core.evaluation.verdict import VERDICTS, Kind
from core.messages import joined, message
from core.methods.registry import METHODS, main_methods
from core.methods.resources import Resources
from core.normalise import folded
from core.settings import Settings
from core.workspace import Workspace

LESSONS = SAMPLE / "lessons.json"
EACH = 2
"""Lessons of each kind."""
_SETTINGS = (
    "model", "encoder", "reader", "top_k", "score_cutoff", "nprobe", "memory_order", "max_new_tokens", "engine_url",
    "reading",
)  # fmt: skip
"""Settings that change answers; the lessons are measured with their defaults."""


_NEAR = {"right", "partly"}


@dataclass(frozen=True)
class Measured:
    """The measurements of a question.

    Attributes:
        cells: For each gold passage, how near its cell is: 1 for the nearest cell of the question; 0 for none known.
        margin: Distance of the question to the border of its cell.
        first: The method with the earliest first token, by the medians of the whole run; not used for the choice.
    """

    question_id: str
    verdicts: Mapping[str, Kind]
    cells: tuple[int, ...]
    margin: float
    first: str = field(compare=False)

    @property
    def right(self) -> int:
        """Number of methods that were right."""
        return sum(verdict == "right" for verdict in self.verdicts.values())


@dataclass(frozen=True)
class LessonKind:
    """A kind of lesson.

    Attributes:
        label: What it shows; ``{first}`` is the method with the earliest first token.
        near: Whether questions near the border are the better ones, not those far from it.
    """

    label: str
    shows: Callable[[Measured], bool]
    near: bool = False

    def order(self, measured: Measured) -> tuple[int, float, str]:
        """Sort key of the questions, best first: more right answers, then the margin."""
        return -measured.right, measured.margin if self.near else -measured.margin, measured.question_id


KINDS: dict[str, LessonKind] = {
    "all_right": LessonKind("All three right, {first} first", lambda m: m.right == len(m.verdicts) and m.cells == (1,)),
    "border": LessonKind(
        "At a border: the answer lies in the next cell",
        lambda m: m.verdicts["cag"] == "right" and m.cells == (2,),
        near=True,
    ),
    "two_passages": LessonKind("Two passages needed", lambda m: m.verdicts["rag"] == "right" and len(m.cells) == 2),
    "no_answer": LessonKind("No answer exists", lambda m: m.right > 0 and not m.cells),
    "only_reading": LessonKind(
        "Memory alone gets it wrong",
        lambda m: m.cells == (1,) and m.right == len(m.verdicts) - 1 and m.verdicts["memory"] != "right",
    ),
    "only_memory": LessonKind(
        "Memory alone gets it right",
        lambda m: (
            m.cells == (1,) and m.verdicts["memory"] == "right" and not {m.verdicts["rag"], m.verdicts["cag"]} & _NEAR
        ),
    ),
}
"""All kinds; no question shows two of them."""


@dataclass(frozen=True)
class Suggestion:
    """A question to ask.

    Attributes:
        label: What it shows; empty where that was not measured.
    """

    question: Question
    label: str = ""
    measured: str = ""


def suggestions(ws: Workspace, corpus: Corpus, settings: Settings, n: int, turn: int = 0) -> list[Suggestion]:
    """A few questions: lessons, else held-out questions spread over all of them.

    Args:
        turn: Each value gives other questions.
    """
    if lessons := lessons_of(ws, corpus, settings):
        return [lessons[(turn * n + number) % len(lessons)] for number in range(min(n, len(lessons)))]
    held_out = [*corpus.questions.get("dev", ()), *corpus.questions.get("test", ())]
    stride = max(1, len(held_out) // n)
    return [Suggestion(held_out[(turn + number * stride) % len(held_out)]) for number in range(min(n, len(held_out)))]


def gold_for(text: str, ws: Workspace, corpus: Corpus, settings: Settings) -> Question | None:
    """The corpus' own question of this text, or the lesson; None when it has no gold answer."""
    lessons = (lesson.question for lesson in lessons_of(ws, corpus, settings))
    return corpus.question(text) or next((q for q in lessons if folded(q.text) == folded(text)), None)


def known_question(text: str, resources: Resources) -> Question | None:
    """``gold_for`` in the corpus of a workspace; None where it has none."""
    ws = resources.workspace
    return gold_for(text, ws, resources.corpus, resources.settings) if ws.state("corpus").status == "ready" else None


def lessons_of(ws: Workspace, corpus: Corpus, settings: Settings) -> list[Suggestion]:
    """The lessons, if the workspace is the sample as they were measured on it; else none."""
    defaults = Settings()
    if any(getattr(settings, name) != getattr(defaults, name) for name in _SETTINGS):
        return []
    saved = json.loads(LESSONS.read_text(encoding="utf-8"))
    built = measured_with(ws)
    if any(built.get(kind, of) != of for kind, of in saved["artefacts"].items()):
        return []
    by_id = {question.id: question for question in candidates(corpus)}
    return [_suggestion(by_id[row["question_id"]], row, saved["created"]) for row in saved["lessons"]]


def lesson_rows() -> list[dict[str, Any]]:
    """The measurements of each lesson of the sample, in order."""
    rows: list[dict[str, Any]] = json.loads(LESSONS.read_text(encoding="utf-8"))["lessons"]
    return rows


def candidates(corpus: Corpus) -> tuple[Question, ...]:
    """The sample's possible lessons: its dev questions, and one about each passage that it lacks."""
    without = (replace(questions[0], answers=(), passage_ids=(), evidence=()) for _, questions in load_unseen())
    return (*corpus.questions.get("dev", ()), *without)


def measured_with(ws: Workspace) -> dict[str, Any]:
    """Identifies the artefacts that lessons depend on; those that are not built are left out."""
    cells = ws.manifest("partition")
    built = {kind: ws.fingerprint(kind) for kind in ("corpus", "memory") if ws.manifest(kind)}
    # The figures of a partition differ between machines in their last digits, and so does its fingerprint.
    return {**built, **({name: cells.params[name] for name in ("cells", "seed")} if cells else {})}


def measured(answers: Mapping[str, Rows]) -> list[Measured]:
    """The measurements of a run of the main methods, by question; see ``core.evaluation.summary.answers_of``."""
    clocks = {name: median(row["trace"]["ttft_ms"] for row in answers[name].values()) for name in main_methods()}
    first = min(clocks, key=lambda name: clocks[name])
    return [_measured({name: answers[name][i] for name in clocks}, first) for i in answers["cag"]]


def choose(measured: Iterable[Measured], each: int = EACH) -> list[dict[str, Any]]:
    """The best questions of each kind: first one of every kind, then another one.

    Better are questions that more methods get right, then those far from a border (near one, for that kind).
    """
    measured = list(measured)
    best = {name: sorted(filter(kind.shows, measured), key=kind.order)[:each] for name, kind in KINDS.items()}
    return [
        {"kind": name, **asdict(shown[rank])}
        for rank in range(each)
        for name, shown in best.items()
        if rank < len(shown)
    ]


def _measured(rows: Mapping[str, Mapping[str, Any]], first: str) -> Measured:
    cag = rows["cag"]
    nearest = cag["details"]["nearest"]
    cells = (cag["gold_cells"][name] for name in cag["passage_ids"])
    return Measured(
        question_id=cag["question_id"],
        verdicts={name: row["verdict"] for name, row in rows.items()},
        cells=tuple(1 + nearest.index(cell) if cell in nearest else 0 for cell in cells),
        margin=round(cag["details"]["margin"], 4),
        first=first,
    )


def _suggestion(question: Question, row: Mapping[str, Any], created: str) -> Suggestion:
    label = message(KINDS[row["kind"]].label, first=message(METHODS[row["first"]].label))
    verdicts = [
        message("{method}: {what}", method=message(METHODS[name].label), what=message(VERDICTS[kind].label))
        for name, kind in row["verdicts"].items()
    ]
    when = message("Measured on {date}: {verdicts}.", date=created, verdicts=joined(", ", verdicts))
    return Suggestion(question, label, when)
