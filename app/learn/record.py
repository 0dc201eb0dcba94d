"""Measures what the tour shows beforehand: ``python -m app.learn.record [PART ...]``.

Builds what the sample workspace lacks, runs the real model with the default settings, and writes
``data/sample/learn.json``: numbers, words and answers that the exhibits of the tour show, with machine and date. With
the names of parts, only these are measured again.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from app.cli.common import drive
from app.learn.recorded import RECORD, tour_question
from app.learn.z import nearest_words
from core import pipeline
from core.corpus.sample import load_unseen
from core.corpus.sentences import whole_sentences
from core.corpus.types import Corpus, Passage, Question
from core.evaluation.lessons import candidates, lesson_rows, measured_with
from core.evaluation.verdict import verdict_on
from core.kvcache.cell_file import Layers
from core.kvcache.compose import head_layers, join, passage_block
from core.memory.adaptation import AdaptConfig, adapt, with_document
from core.memory.z_reader import ReadConfig, batch_evidence
from core.methods.base import answer
from core.methods.memory import LlmAsMemory
from core.methods.one_cell import answer_from_cells
from core.methods.rag import Rag
from core.methods.rag_blocks import RagBlocks
from core.methods.resources import Resources
from core.metrics import coverage, rouge_l
from core.models.device import choose_device, describe
from core.models.language_model import LanguageModel
from core.models.machine import machine
from core.models.registry import Models
from core.normalise import folded
from core.settings import Settings
from core.trace import Trace, median_trace
from core.voronoi.partition import Partition
from core.workspace import open_workspace

MOST = 5
"""Most passages in a prompt of the tour."""
_REPEATS = 5
_TEXTS = (
    "A bank lends money.",
    "Here you can borrow cash.",
    "They sat on the bank of the river.",
    "Ships unload salt at the quay.",
    "Boats are cleared of their cargo in the harbour.",
    "The cat sleeps on the mat.",
)
_UNKNOWN = ("What is the capital of France?", "Who painted the ceiling of the station in Zurich?")
_FACTORS = (0.0, 10.0, 1000.0)
_SHARES = (0.0, 0.6, 0.8, 0.9, 0.95, 1.0)
_MISTAKES = 5
_LITTLE = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "in", "is", "it", "of", "on", "or", "the", "to", "with")
)
_LESSONS = 6


def _halves(questions: Sequence[Question]) -> tuple[Sequence[Question], Sequence[Question]]:
    """What is studied, and what is held out."""
    return questions[: len(questions) // 2], questions[len(questions) // 2 :]


@dataclass
class Recorder:
    """What the parts are measured with.

    Attributes:
        resources: The sample workspace, complete, with the default settings.
    """

    resources: Resources
    question: Question

    @cached_property
    def corpus(self) -> Corpus:
        """The sample."""
        return self.resources.corpus

    @cached_property
    def gold(self) -> Passage:
        """The passage that holds its answer."""
        return self.resources.passages[self.question.passage_ids[0]]

    @cached_property
    def lm(self) -> LanguageModel:
        """The model that reads."""
        return self.resources.language_model()

    @cached_property
    def memory(self) -> LlmAsMemory:
        """The memory of the sample, with its answerer."""
        return LlmAsMemory(self.resources)

    def embed(self) -> dict[str, Any]:
        """Texts, their vectors in eight bits, and all cosines, from the full vectors."""
        encoder = self.resources.models.encoder()
        texts = (self.question.text, *self.question.evidence, *_TEXTS)
        vectors = np.stack([encoder.encode_query(text) for text in texts])
        return {
            "texts": texts,
            "vectors": [_eight_bits(vector) for vector in vectors],
            "cosines": _rounded(vectors @ vectors.T, 4),
        }

    def rag(self) -> dict[str, Any]:
        """The prompt of RAG token by token, and what reading one to ``MOST`` passages took and gave."""
        runs = [self._repeated(Rag, k) for k in range(1, MOST + 1)]
        prompt = self.lm.prompt
        evidence = runs[-1]["evidence"]
        passages = [self.resources.passages[name] for name, _ in evidence]
        return {
            "question": self.question.text,
            "gold": self.gold.id,
            "answers": self.question.answers,
            "head": self._words(prompt.head),
            "passages": [
                {"id": p.id, "title": p.title, "score": round(score, 3), "tokens": self._words(prompt.passage(p))}
                for p, (_, score) in zip(passages, evidence, strict=True)
            ],
            "tail": self._words(prompt.tail(self.question.text)),
            "runs": runs,
        }

    def inject(self) -> dict[str, Any]:
        """The same passages read, and taken from their blocks."""
        names = {"read": Rag, "blocks": RagBlocks}
        return {
            "question": self.question.text,
            "answers": self.question.answers,
            **{name: [self._repeated(method, k) for k in range(1, MOST + 1)] for name, method in names.items()},
        }

    def _repeated(self, method: Callable[[Resources], Any], k: int) -> dict[str, Any]:
        settings = replace(self.resources.settings, top_k=k, score_cutoff=0.0, reading="together")
        opened = method(replace(self.resources, settings=settings))
        answer(opened, self.question.text)  # warm
        answers = [answer(opened, self.question.text) for _ in range(_REPEATS)]
        trace: Trace = median_trace([repeated.trace for repeated in answers])
        return {
            "answer": answers[0].text,
            "right": bool(coverage(answers[0].text, self.question.answers)),
            "evidence": [(piece.passage_id, piece.score) for piece in answers[0].evidence],
            "n": _REPEATS,
            "trace": {
                **asdict(trace),
                "spans": [[span.name, round(span.start_ms, 1), round(span.ms, 1)] for span in trace.spans],
            },
        }

    def cell(self) -> dict[str, Any]:
        """What the question of the tour is answered from every cell alone."""
        partition = self.resources.workspace.read("partition", Partition.load)
        cells = self.resources.cells_of(self.question.passage_ids)
        steps = reported_data(answer_from_cells(self.resources, self.question.text, range(partition.k)))
        return {
            "question": self.question.text,
            "answers": [
                {"text": row["answer"].text, "verdict": verdict_on(row["answer"], self.question, cells).kind}
                for row in steps
            ],
        }

    def kv_cache(self) -> dict[str, Any]:
        """Keys and values of the first KV head, and the attention of all heads, of one sentence in every layer."""
        lm, sentence = self.lm, whole_sentences(self.gold.text)[0]
        ids, head = lm.prompt.encode(sentence), lm.prompt.head
        block = passage_block(lm, head_layers(lm), ids)
        usual = lm.model.config._attn_implementation
        lm.model.set_attn_implementation("eager")  # the only one that returns what it attended to
        with torch.inference_mode():
            seen = lm.model(torch.tensor([head + ids], device=lm.device), output_attentions=True).attentions
        lm.model.set_attn_implementation(usual)
        start = len(head)
        looks = torch.stack([layer[0].float().mean(0)[start:, start:] for layer in seen])
        config = lm.model.config
        return {
            "text": sentence,
            "tokens": self._words(ids),
            "layers": len(block),
            "kv_heads": config.num_key_value_heads,
            "head_dim": block[0][0].shape[-1],
            "number_bytes": lm.dtype.itemsize,
            "text_bytes": len(sentence.encode()),
            "rows": [[_eight_bits(part[0, 0].float().numpy()) for part in pair] for pair in block],
            "looks": [_bytes((layer.numpy() * 255).round().astype(np.uint8)) for layer in looks],
        }

    def broken(self) -> dict[str, Any]:
        """The answer after one number of the gold passage's block was changed: the largest of a layer's K, or V."""
        lm = self.lm
        head = head_layers(lm)
        block = passage_block(lm, head, lm.prompt.passage(self.gold))
        words = self._words(lm.prompt.passage(self.gold))
        cases = []
        for layer, pair in enumerate(block):
            for part, tensor in enumerate(pair):
                index = int(tensor.abs().argmax())
                _, _, token, number = np.unravel_index(index, tuple(tensor.shape))
                value = float(tensor.flatten()[index])
                answers = []
                for factor in _FACTORS:
                    changed = [[keys.clone(), values.clone()] for keys, values in block]
                    changed[layer][part].view(-1)[index] = value * factor
                    answers.append(self._from_block(head, [(keys, values) for keys, values in changed]))
                cases.append(
                    {
                        "layer": layer,
                        "part": part,
                        "token": words[token],
                        "number": int(number),
                        "value": round(value, 2),
                        "said": answers,
                    }
                )
        return {
            "question": self.question.text,
            "answers": self.question.answers,
            "whole": self._from_block(head, block),
            "numbers": sum(part.numel() for pair in block for part in pair),
            "factors": _FACTORS,
            "cases": cases,
        }

    def _from_block(self, head: Layers, block: Layers) -> str:
        session = join(self.lm, head, [block])
        session.prefill(self.lm.prompt.tail(self.question.text))
        return "".join(self.lm.stream_text(session.decode(self.resources.settings.max_new_tokens))).strip()

    def z(self) -> dict[str, Any]:
        """A document's z on the straight way from noise of the same size, and with each vector erased."""
        memory, trained = self.memory.memory, self._trained()
        generator = torch.Generator().manual_seed(self.resources.settings.seed)
        noise = torch.randn(trained.shape, generator=generator) * trained[trained.any(-1)].square().mean().sqrt()
        noise = noise * trained.any(-1, keepdim=True)
        stages = [{"share": share, **self._read(noise + share * (trained - noise))} for share in _SHARES]
        without = []
        for number in trained.any(-1).nonzero().flatten().tolist():
            erased = trained.clone()
            erased[number] = 0.0
            without.append({key: said for key, said in self._read(erased).items() if key != "words"})
        memory.set_z(self.gold.id, trained)
        return {
            "question": self.question.text,
            "answers": self.question.answers,
            "title": self.gold.title,
            "text": self.gold.text,
            "numbers": trained.shape[1],
            "stages": stages,
            "without": without,
        }

    def _trained(self) -> torch.Tensor:
        pool = self.memory.memory.pool
        return pool.z[pool.row(self.gold.id)].clone()

    def _read(self, z: torch.Tensor) -> dict[str, Any]:
        memory = self.memory.memory
        memory.set_z(self.gold.id, z)
        whole = LlmAsMemory(
            self.resources, ReadConfig(sentences=0), memory
        )  # an erased vector must be one that is read
        evidence, text = whole.answer_from(self.question.text, [self.gold.id])
        words, cosine = nearest_words(memory, self.gold.id)
        return {
            "words": words,
            "cosine": round(cosine, 3),
            "evidence": evidence.text,
            "answer": text,
            "right": bool(coverage(text, self.question.answers)),
        }

    def training(self) -> dict[str, Any]:
        """A training of a document that the memory has never seen, looked at every other step.

        Of the first one whose first z does not say everything yet: there is something to learn.
        """
        unseen = load_unseen()
        passage, questions = next((one for one in unseen if not self._says_all(*one)), unseen[0])
        study, held_out = _halves(questions)
        memory = with_document(self.memory.memory, passage)
        config = AdaptConfig(steps=40, batch=4, look_every=2, seed=self.resources.settings.seed)
        history = reported_data(adapt(memory, passage, study, config, held_out=held_out))
        return {
            "title": passage.title,
            "text": passage.text,
            "studied": [question.text for question in study],
            "held_out": [
                {"id": question.id, "text": question.text, "answers": question.answers} for question in held_out
            ],
            "steps": [
                {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
                for row in history
            ],
        }

    def _says_all(self, passage: Passage, questions: Sequence[Question]) -> bool:
        """Whether the first z of a document says the answers to the questions that are not studied."""
        memory, (_, held_out) = with_document(self.memory.memory, passage), _halves(questions)
        evidence = batch_evidence(memory, [question.text for question in held_out], [passage.id] * len(held_out))
        return all(coverage(text, question.answers) for text, question in zip(evidence, held_out, strict=True))

    def routing(self) -> dict[str, Any]:
        """Questions with the documents they are routed to, and the null slot."""
        memory = self.memory.memory
        known = {question.id: question for question in candidates(self.corpus)}
        lessons = [known[row["question_id"]] for row in lesson_rows()[:_LESSONS] if row["question_id"] in known]
        texts = [*(question.text for question in lessons), *_UNKNOWN]
        gold = {question.text: question.passage_ids for question in lessons}
        return {
            "documents": len(memory.pool.ids),
            "questions": [
                {
                    "text": text,
                    "null": round(routed.null, 4),
                    "documents": [
                        [memory.title(one.passage_id), round(one.weight, 4), one.passage_id in gold.get(text, ())]
                        for one in routed.documents
                    ],
                }
                for text, routed in zip(texts, memory.route_all(texts, 6), strict=True)
            ],
        }

    def failures(self) -> dict[str, Any]:
        """Held-out questions that the memory routed right: how often its evidence holds the answer, and where not."""
        memory = self.memory.memory
        questions = [q for q in self.corpus.questions["dev"] if len(q.passage_ids) == 1]
        routed = memory.route_all([q.text for q in questions], 1)
        first = [routing.documents[0].passage_id for routing in routed]
        right = [q for q, passage_id in zip(questions, first, strict=True) if passage_id in q.passage_ids]
        evidence: list[str] = []
        for start, end in pairwise([*range(0, len(right), 16), len(right)]):
            part = right[start:end]
            evidence += batch_evidence(memory, [q.text for q in part], [q.passage_ids[0] for q in part])
        wrong = [
            (rouge_l(text, q.evidence), q, text)
            for q, text in zip(right, evidence, strict=True)
            if not coverage(text, q.answers)
        ]
        # A word that was left out cannot be pointed at.
        shown = [(score, q, text) for score, q, text in wrong if _strange(text, q.evidence[0])]
        return {
            "asked": len(questions),
            "routed": len(right),
            "held": len(right) - len(wrong),
            "found": [
                {
                    "question": q.text,
                    "title": memory.title(q.passage_ids[0]),
                    "said": text,
                    "wrong": _strange(text, q.evidence[0]),
                    "passage": q.evidence[0],
                    "answers": q.answers,
                    "rouge_l": round(score, 2),
                }
                for score, q, text in sorted(shown, key=lambda row: -row[0])[:_MISTAKES]
            ],
        }

    def _words(self, ids: Iterable[int]) -> list[str]:
        return [self.lm.tokenizer.decode([token]) for token in ids]


PARTS = ("embed", "rag", "cell", "kv_cache", "inject", "broken", "z", "training", "routing", "failures")


def reported_data(work: Iterable[Any]) -> list[dict[str, Any]]:
    """The data of the steps of some work, where they have any."""
    return [progress.data for progress in work if progress.data]


def write(parts: Sequence[str]) -> None:
    """Measures some parts, or all, and writes them beside those that were measured before."""
    settings = Settings.from_environment()
    ws = open_workspace("sample", settings.workspaces)
    models = Models(settings)
    drive(pipeline.build_sample(ws, models, settings))
    saved = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    for part in parts or PARTS:
        # One recorder for each: what one of them changes in a model must not be in another's numbers.
        recorder = Recorder(Resources(ws, Models(settings), settings), tour_question())
        record = getattr(recorder, part)()
        on = machine(describe(choose_device(settings.device)))
        lm, encoder = recorder.lm, {"name": settings.encoder, "dtype": "float32"}
        measured = {
            "created": date.today().isoformat(),
            "artefacts": measured_with(ws),
            "machine": {name: on[name] for name in ("processor", "threads", "device")},
            "model": encoder if part == "embed" else {"name": lm.identity.name, "dtype": lm.identity.dtype},
        }
        saved[part] = {"measured": measured, **record}
        RECORD.write_text(json.dumps(saved, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")


def _strange(text: str, passage: str) -> list[int]:
    """Numbers of the words of a sentence that the passage does not have; little words do not count."""
    known = set(map(folded, re.findall(r"\w+", passage))) | _LITTLE
    return [i for i, word in enumerate(text.split()) if set(map(folded, re.findall(r"\w+", word))) - known]


def _eight_bits(numbers: np.ndarray) -> str:
    """Numbers as bytes from -127 to 127 of the largest, row after row."""
    most = float(np.abs(numbers).max()) or 1.0
    return _bytes((numbers / most * 127).round().astype(np.int8))


def _bytes(numbers: np.ndarray) -> str:
    return base64.b64encode(numbers.tobytes()).decode()


def _rounded(numbers: np.ndarray, digits: int) -> list[list[float]]:
    return [[round(float(number), digits) for number in row] for row in numbers]


if __name__ == "__main__":
    write(sys.argv[1:])
