"""Scores of one saved answer (a row of answers.jsonl), by metric.

answer      em, f1, coverage
evidence    rouge_l, recall, context_precision, context_recall: for methods that read passages, by gold passages
both        kilt_em, kilt_f1: the answer counts only if all gold passages are among the evidence
grounding   faithfulness, relevancy: without a judge model, see ``core.evaluation.grounding``
refusing    refusing_recall for questions without an answer, refusing_precision for refusals; of questions without an
            answer, only this and the evidence are scored
judged      ragas_faithfulness, ragas_relevancy: by a judge model, see ``core.labs.judge``
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.evaluation.grounding import faithfulness, is_refusal, relevancy
from core.methods import registry
from core.metrics import coverage, exact_match, f1, rouge_l

LABELS = {
    "em": "EM",
    "f1": "F1",
    "coverage": "coverage",
    "recall": "recall@K",
    "context_precision": "context precision",
    "context_recall": "context recall",
    "rouge_l": "ROUGE-L",
    "kilt_em": "KILT-EM",
    "kilt_f1": "KILT-F1",
    "faithfulness": "faithfulness",
    "relevancy": "answer relevancy",
    "refusing_precision": "refusing: precision",
    "refusing_recall": "refusing: recall",
    "ragas_faithfulness": "faithfulness, judged",
    "ragas_relevancy": "answer relevancy, judged",
}
MEANINGS = {
    "em": "Exact match with an accepted answer after SQuAD's normalisation.",
    "f1": "Token F1 with the best accepted answer after SQuAD's normalisation.",
    "coverage": "Whether the answer contains an accepted answer as whole words.",
    "recall": "Whether all gold passages are among the K passages the method answered from.",
    "context_precision": "Share of the passages the method answered from that are gold.",
    "context_recall": "Share of the gold passages that are among those the method answered from.",
    "rouge_l": "Best ROUGE-L of a piece of evidence with a gold sentence.",
    "kilt_em": "EM where recall@K is 1, else 0: right answer and right passage.",
    "kilt_f1": "F1 where recall@K is 1, else 0: right answer and right passage.",
    "faithfulness": "How far one sentence of the evidence says what the answer claims, by words; refusals left out.",
    "relevancy": "Whether the answer is of the kind the question asks for, by its question word; English only.",
    "refusing_precision": "Share of the refusals that were right: the question has no answer.",
    "refusing_recall": "Share of the questions without an answer that were refused.",
    "ragas_faithfulness": "Share of the answer's statements that a judge model finds in the evidence (Ragas).",
    "ragas_relevancy": "How near questions that a judge model makes from the answer come to the one asked (Ragas).",
}


def score(row: Mapping[str, Any], judged: Mapping[str, float] | None = None) -> dict[str, float]:
    """Scores of one answer, each in [0, 1]; metrics that do not apply are left out.

    Context precision and recall are the id-based ones of Ragas. KILT (Petroni et al., 2021) requires R-precision 1: all
    gold pages ranked before any other. Here ``recall`` 1 is enough, because a method that opens a whole cell does not
    rank its passages; the other passages of the cell lower ``context_precision``.
    """
    scores = _evidence_scores(row)
    if row["golds"]:
        scores |= _answer_scores(row, _recall(row))
    if is_refusal(row["answer"]):
        scores["refusing_precision"] = float(not row["golds"])
    if not row["golds"]:
        scores["refusing_recall"] = float(is_refusal(row["answer"]))
    return scores | {name: value for name, value in (judged or {}).items() if name in LABELS}


def is_right(row: Mapping[str, Any], rule: str) -> bool:
    """Whether a scored answer is right by the metric ``rule``; for a question without an answer, whether it refuses."""
    return bool(row["scores"].get(rule, row["scores"].get("refusing_recall")) == 1)


def _answer_scores(row: Mapping[str, Any], recall: float | None) -> dict[str, float]:
    text, golds, evidence = row["answer"], row["golds"], row["evidence"]
    scores = {"em": exact_match(text, golds), "f1": f1(text, golds), "coverage": coverage(text, golds)}
    if recall is not None:
        scores |= {"kilt_em": scores["em"] * recall, "kilt_f1": scores["f1"] * recall}
    scores["relevancy"] = relevancy(row["question"], text)
    supported = faithfulness(row["question"], text, [piece["text"] for piece in evidence]) if evidence else None
    return scores if supported is None else scores | {"faithfulness": supported}


def _evidence_scores(row: Mapping[str, Any]) -> dict[str, float]:
    scores: dict[str, float] = {}
    if not _reads(row["method"]):
        return scores
    gold, retrieved = set(row["passage_ids"]), {piece["passage_id"] for piece in row["evidence"]}
    recall = _recall(row)
    if recall is not None:
        scores |= {
            "recall": recall,
            "context_precision": len(gold & retrieved) / len(retrieved) if retrieved else 0.0,
            "context_recall": len(gold & retrieved) / len(gold),
        }
    if row["gold_evidence"]:
        best = (rouge_l(piece["text"], row["gold_evidence"]) for piece in row["evidence"])
        scores["rouge_l"] = max(best, default=0.0)
    return scores


def _recall(row: Mapping[str, Any]) -> float | None:
    """Whether all gold passages are among the evidence; None without gold passages."""
    gold = set(row["passage_ids"])
    return float(gold <= {piece["passage_id"] for piece in row["evidence"]}) if gold else None


def _reads(method: str) -> bool:
    """Whether a method answers from evidence; then an answer without evidence scores 0 instead of being left out."""
    spec = registry.METHODS.get(method.partition(":")[0])
    return spec is None or bool(spec.needs)
