"""What one kept answer is worth: every metric of a row of answers.jsonl, by name.

answer      em, f1, coverage
evidence    rouge_l, recall, context_precision, context_recall: for arms that read something, by gold passages
both        kilt_em, kilt_f1: the answer counts only when all gold passages are among the evidence
grounding   faithfulness, relevancy: without a judge, see ``core.evaluation.grounding``
judged      ragas_faithfulness, ragas_relevancy: what a judge model said, see ``core.evaluation.judge``
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.evaluation.grounding import faithfulness, relevancy
from core.evaluation.metrics import coverage, exact_match, f1, rouge_l
from core.methods import registry

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
    "ragas_faithfulness": "faithfulness, judged",
    "ragas_relevancy": "answer relevancy, judged",
}
MEANINGS = {
    "em": "Exact match with an accepted answer after SQuAD's normalisation.",
    "f1": "Token F1 with the best accepted answer after SQuAD's normalisation.",
    "coverage": "Whether the answer contains an accepted answer as whole words.",
    "recall": "Whether all gold passages are among the K passages the arm answered from.",
    "context_precision": "Share of the passages the arm answered from that are gold.",
    "context_recall": "Share of the gold passages that are among those the arm answered from.",
    "rouge_l": "Best ROUGE-L of a piece of evidence with a gold sentence.",
    "kilt_em": "EM where recall@K is 1, else 0: right answer and right passage.",
    "kilt_f1": "F1 where recall@K is 1, else 0: right answer and right passage.",
    "faithfulness": "How far one sentence of the evidence says what the answer claims, by words; refusals left out.",
    "relevancy": "Whether the answer is of the kind the question asks for, by its question word; English only.",
    "ragas_faithfulness": "Share of the answer's statements that a judge model finds in the evidence (Ragas).",
    "ragas_relevancy": "How near questions that a judge model makes from the answer come to the one asked (Ragas).",
}


def score(row: Mapping[str, Any], judged: Mapping[str, float] | None = None) -> dict[str, float]:
    """Scores of one answer, each in [0, 1]; a metric that makes no sense for it is left out.

    Context precision and recall are the id-based ones of Ragas. KILT (Petroni et al., 2021) asks for R-precision 1:
    all gold pages ranked before any other. Here ``recall`` 1 is asked for instead, since an arm that opens a whole cell
    has no order of passages, and what the cell holds besides shows in ``context_precision``.

    Args:
        row: A line of answers.jsonl.
        judged: What a judge has said of it.
    """
    text, golds = row["answer"], row["golds"]
    scores = {"em": exact_match(text, golds), "f1": f1(text, golds), "coverage": coverage(text, golds)}
    evidence, gold = row["evidence"], set(row["passage_ids"])
    if gold:
        found = {piece["passage_id"] for piece in evidence}
        held = float(gold <= found)
        scores |= {"kilt_em": scores["em"] * held, "kilt_f1": scores["f1"] * held}
        if _reads(row["arm"]):
            scores |= {
                "recall": held,
                "context_precision": len(gold & found) / len(found) if found else 0.0,
                "context_recall": len(gold & found) / len(gold),
            }
    if row["gold_evidence"] and _reads(row["arm"]):
        best = (rouge_l(sentence, row["gold_evidence"]) for sentence in (piece["text"] for piece in evidence))
        scores["rouge_l"] = max(best, default=0.0)
    scores["relevancy"] = relevancy(row["question"], text)
    supported = faithfulness(row["question"], text, [piece["text"] for piece in evidence]) if evidence else None
    if supported is not None:
        scores["faithfulness"] = supported
    return scores | {name: value for name, value in (judged or {}).items() if name in LABELS}


def _reads(arm: str) -> bool:
    """Whether an arm answers from evidence; one that found none then scores 0 instead of nothing."""
    spec = registry.METHODS.get(arm.partition(":")[0])
    return spec is None or bool(spec.needs)
