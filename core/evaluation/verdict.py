"""Why an answer is right or wrong: one verdict for each answer, and the reason in a sentence.

    verdict = verdict_on(answer, question, cells)
    verdict.style.label, verdict.why     # "wrong cell", "The gold passage lies in cell 10, number 2 by distance; ..."

The first cause counts: who never had the gold passage is not said to have misread it. Every front draws verdicts from
``VERDICTS``, so that one badge, colour and symbol mean the same thing everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.corpus.types import Question
from core.evaluation.grounding import faithfulness, find_support, is_landmark, is_refusal
from core.messages import message
from core.methods.base import Answer, Evidence
from core.methods.registry import METHODS
from core.metrics import coverage, exact_match, f1, is_korean
from core.trace import Span, Trace

Kind = Literal["right", "partly", "wrong_cell", "missed", "misread", "unsupported", "declined", "unknown"]
_PARTLY = 0.5
_SUPPORTED = 0.6
"""Least faithfulness of a supported answer: of the labelled ones (tests/core/evaluation/labelled.jsonl) it keeps 25 of
26 that their passages support, and refuses 20 of 21 that answer the question with something else."""


@dataclass(frozen=True)
class VerdictStyle:
    """How a verdict is worded and drawn.

    Attributes:
        colour: Hex colour, of the hues in ``app.figures.palette``.
        tone: Name of the nearest of the few colours that badges know.
    """

    label: str
    symbol: str
    icon: str
    colour: str
    tone: Literal["green", "yellow", "orange", "red", "violet", "gray"]
    meaning: str


VERDICTS: dict[Kind, VerdictStyle] = {
    "right": VerdictStyle(
        "right", "✓", "check", "#17967c", "green", "Holds a gold answer, or rightly says that there is none."
    ),
    "partly": VerdictStyle(
        "partly right", "◐", "contrast", "#a89a2a", "yellow", "Shares at least half of its words with a gold answer."
    ),
    "wrong_cell": VerdictStyle(
        "wrong cell", "⬡", "wrong_location", "#c27a0a", "orange", "The gold passage lies in a cell that was not opened."
    ),
    "missed": VerdictStyle(
        "passage missed", "∅", "search_off", "#b0682f", "orange", "The gold passage is not among what it read."
    ),
    "misread": VerdictStyle(
        "misread", "✗", "close", "#c8553d", "red", "It had the gold passage and answered something else."
    ),
    "unsupported": VerdictStyle(
        "not supported", "?", "help", "#7d6bc4", "violet", "Nothing that it read supports the answer."
    ),
    "declined": VerdictStyle(
        "declined", "–", "do_not_disturb_on", "#7d8590", "gray", "Says that it does not know, but there is an answer."
    ),
    "unknown": VerdictStyle(
        "no gold answer", "·", "radio_button_unchecked", "#8a90a0", "gray", "Nobody has said what the right answer is."
    ),
}  # fmt: skip
"""All verdicts, from best to worst known."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on an answer and the reason for it."""

    kind: Kind
    why: str

    @property
    def style(self) -> VerdictStyle:
        """How it is worded and drawn."""
        return VERDICTS[self.kind]


def verdict_on(answer: Answer, gold: Question | None, cells: Mapping[str, int] | None = None) -> Verdict:
    """The verdict on an answer.

    Args:
        gold: The question with what counts as right; None if there is no gold answer. One without answers has none.
        cells: Cell of each gold passage, where passages are cut into cells.
    """
    if gold is None:
        return _without_gold(answer)
    if not gold.answers:
        if is_refusal(answer.text):
            return Verdict("right", "There is no answer, and it says so.")
        return Verdict("unsupported", "There is no answer, yet it gives one.")
    if exact_match(answer.text, gold.answers):
        return Verdict("right", "Equals a gold answer (SQuAD normalisation).")
    if coverage(answer.text, gold.answers):
        return Verdict("right", "Contains a gold answer.")
    if is_refusal(answer.text):
        return Verdict("declined", _why_declined(answer, gold))
    score = f1(answer.text, gold.answers)
    if score >= _PARTLY:
        return Verdict("partly", message("F1 {score:.2f} against the gold answer.", score=score))
    return _why_wrong(answer, gold, cells or {})


def verdict_on_row(row: Mapping[str, Any]) -> Verdict:
    """The verdict on a kept answer, a line of answers.jsonl."""
    question = Question(row["question_id"], row["question"], tuple(row["golds"]), tuple(row["passage_ids"]))
    return verdict_on(answer_of(row), question, row.get("gold_cells"))


def answer_of(row: Mapping[str, Any]) -> Answer:
    """The answer that a line of answers.jsonl holds."""
    trace = Trace(**{**row["trace"], "spans": tuple(Span(**span) for span in row["trace"]["spans"])})
    evidence = tuple(Evidence.from_json(piece) for piece in row["evidence"])
    return Answer(row["method"].partition(":")[0], row["question"], row["answer"], evidence, trace, row["details"])


def verdict_counts(rows: Iterable[Mapping[str, Any]]) -> dict[Kind, int]:
    """How often each verdict fell, in the order of ``VERDICTS``; those that never fell are left out."""
    counts = Counter(row["verdict"] for row in rows)
    return {kind: counts[kind] for kind in VERDICTS if counts[kind]}


def _without_gold(answer: Answer) -> Verdict:
    if is_refusal(answer.text):
        return Verdict("declined", "It says that it does not know.")
    if not answer.evidence:
        return Verdict("unknown", "It read nothing: the answer comes from the model's weights.")
    if not _is_supported(answer):
        return Verdict("unsupported", "No sentence that it read says this in answer to the question.")
    return Verdict("unknown", "What it read supports this answer; nobody has said whether it is right.")


def _why_declined(answer: Answer, gold: Question) -> str:
    if not answer.evidence:
        return "It read nothing, and says that it does not know."
    if gold.passage_ids and not _lacking(answer, gold):
        return "It had the gold passage, and still says that it does not know."
    return "It says that what it read does not hold the answer."


def _why_wrong(answer: Answer, gold: Question, cells: Mapping[str, int]) -> Verdict:
    spec = METHODS.get(answer.method)
    reads_z = bool(spec and spec.reads_z)
    if not answer.evidence:
        return Verdict("unsupported", "It read nothing: the answer comes from the model's weights.")
    if gold.passage_ids and (lacking := _lacking(answer, gold)):
        if unopened := _unopened(answer, [cells[name] for name in lacking if name in cells]):
            return Verdict("wrong_cell", unopened)
        if reads_z:
            return Verdict("missed", "The question was routed to another document.")
        read = len(answer.evidence)
        if len(lacking) < len(gold.passage_ids):
            values = {"n": len(lacking), "all": len(gold.passage_ids)}
            return Verdict("missed", message("{n} of the {all} gold passages are not among what it read.", **values))
        if read == 1:
            return Verdict("missed", "The gold passage is not the one that it read.")
        return Verdict("missed", message("The gold passage is not among the {n} that it read.", n=read))
    if not gold.passage_ids:
        if any(coverage(piece.text, gold.answers) for piece in answer.evidence):
            return Verdict("misread", "What it read contains a gold answer, and it answered something else.")
        return Verdict("missed", "Nothing that it read contains a gold answer.")
    if reads_z:
        return Verdict("misread", "It read the right document's z and recalled it wrongly.")
    ids = [piece.passage_id for piece in answer.evidence]
    values = {"rank": 1 + ids.index(gold.passage_ids[0]), "n": len(ids)}
    return Verdict("misread", message("It had the gold passage, number {rank} of {n}.", **values))


def _is_supported(answer: Answer) -> bool:
    """Whether a sentence that was read says the answer of what was asked, not merely somewhere: "black" of a glove."""
    texts = [piece.text for piece in answer.evidence]
    if is_korean(answer.question):  # words with particles are not told apart as whole words
        return find_support(answer.text, answer.question, texts) is not None
    says = find_support(answer.text, answer.question, texts)
    if says and is_landmark(answer.question, answer.text, texts[says.text_index][says.start : says.end]):
        return False
    titles = [piece.title for piece in answer.evidence]
    return (faithfulness(answer.question, answer.text, texts, titles) or 0.0) >= _SUPPORTED


def _lacking(answer: Answer, gold: Question) -> list[str]:
    """Gold passages that the method did not have."""
    had = {piece.passage_id for piece in answer.evidence}
    return [name for name in gold.passage_ids if name not in had]


def _unopened(answer: Answer, cells: list[int]) -> str:
    """Why the cells of gold passages were not opened; empty when they were, or when the method knows no cells."""
    details = answer.details
    opened = int(details.get("probed", 1 if "cell" in details else 0))
    nearest = list(details.get("nearest", [details["cell"]] if "cell" in details else []))
    closed = [cell for cell in cells if cell not in nearest[:opened]]
    if not nearest or not closed:
        return ""
    if closed[0] not in nearest:
        return message("The gold passage lies in cell {cell}, which was not opened.", cell=closed[0])
    values = {"cell": closed[0], "rank": 1 + nearest.index(closed[0]), "opened": opened}
    return message("The gold passage lies in cell {cell}, number {rank} by distance; {opened} opened.", **values)
