"""Ablation of the memory: small variants, trained equally long, measured side by side.

    for progress in ablate(resources, ablation_folder(resources, plan), plan):
        ...

Every variant has a small workspace of its own under the folder, and is trained and measured there as any memory is. A
run that is started again skips what is finished and goes on inside what is not.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core import pipeline
from core.corpus.types import Corpus
from core.digests import json_digest
from core.errors import TesseraError
from core.evaluation.memory_eval import evaluate_memory, run_folder, sort_questions
from core.evaluation.memory_figures import summarise
from core.jobs import Progress, Work
from core.manifest import write_atomically
from core.memory.config import MemoryConfig
from core.memory.evidence_trainer import EvidenceTrainer
from core.memory.z_reader import ReadConfig
from core.messages import message
from core.methods.memory import LlmAsMemory
from core.methods.resources import Resources
from core.models.language_model import LanguageModel
from core.workspace import Workspace

RESULT, STEPS = "result.json", "steps.json"
BASE = "base"
_COPIED = ("corpus", "embeddings", "index")
_TIMED_STEPS = 2

_Settings = tuple[tuple[str, tuple[Any, ...]], ...]
_TRAINED: dict[str, _Settings] = {
    "m": (("m", (1, 4, 8, 16)),),
    "z_dim": (("z_dim", (64, 128, 256, 512)),),
    "rank": (("lora_r", (8, 32, 64)),),
    "loss": (("recite", (0.0,)), ("wrong", (0.0,)), ("counterfactual", (0.1,))),
    "self-study": (("study", (0.0, 0.95)),),
    "init": (("init", ("noise",)),),
    "reading": (("read", ("cross",)),),
}
"""Name of a question to the settings it changes and the values that are tried beside the base's."""
_OF_WORDS: dict[str, _Settings] = {"m": (("m", (4, 16, 32, 64, 96)),), "z_dim": (("z_dim", (2, 4, 8, 32)),)}
"""What is asked in their place where the base's vectors are looked up in the vocabulary and name a word each."""
_READ: dict[str, dict[str, ReadConfig]] = {
    "read-mode": {
        f"{read.mode}, top {read.top_r}": read
        for read in (ReadConfig("kv"), ReadConfig("prefix", top_r=2), ReadConfig("prefix", top_r=3))
    },
    "sentences": {f"sentences = {count}": ReadConfig(sentences=count) for count in (0, 1, 2, 4)},
}
"""What is asked of one memory that is read in several ways, by the names of their rows."""
WHATS = (*_TRAINED, *_READ)


@dataclass(frozen=True)
class Variant:
    """One memory of the table.

    Attributes:
        name: What is different in it; ``BASE`` for the one that all are compared with.
        read: How it is read, None as it was trained. A variant that is only read differently uses the base's memory.
    """

    name: str
    config: MemoryConfig
    read: ReadConfig | None = None


@dataclass(frozen=True)
class AblationPlan:
    """The variants to try.

    Attributes:
        what: Some of ``WHATS``.
        minutes: Of training, for all variants together; each gets the same number of steps.
        base: The memory that variants differ from; without steps of its own, none is trained.
        steps: Steps of every variant; 0 finds them from ``minutes``.
        start: The memory that all start from, as presets name it; empty starts from nothing.

    Raises:
        TesseraError: A value is unknown or too small.
    """

    what: tuple[str, ...] = WHATS
    minutes: float = 60.0
    questions: int = 24
    base: MemoryConfig = field(default_factory=MemoryConfig)
    steps: int = 0
    start: str = ""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.what) - set(WHATS))
        if unknown or not self.what:
            raise TesseraError(
                message("There is no ablation of {name}.", name=repr(unknown[0]) if unknown else "nothing"),
                message("Choose one of: {names}.", names=", ".join(WHATS)),
            )
        if self.minutes <= 0 or self.questions < 1 or self.steps < 0:
            raise TesseraError("Minutes and questions must be above 0.", "Give 60 minutes and 24 questions, say.")

    def variants(self) -> list[Variant]:
        """The base first, then one change at a time."""
        variants = [Variant(BASE, self.base)]
        for name in self.what:
            if name in _TRAINED:
                settings = {**_TRAINED, **_OF_WORDS}[name] if self.base.vocabulary else _TRAINED[name]
                variants += [
                    Variant(f"{setting} = {value}", replace(self.base, **{setting: value}))
                    for setting, values in settings
                    for value in values
                    if value != getattr(self.base, setting)
                ]
            else:
                variants += [Variant(row, self.base, read) for row, read in _READ[name].items()]
        return variants


def ablation_folder(resources: Resources, plan: AblationPlan) -> Path:
    """Where the variants of a plan live: the same plan finds the same folder again."""
    ws = resources.workspace
    facts = {
        "base": plan.base.to_json(),
        "start": plan.start,
        "questions": plan.questions,
        "time": plan.steps or f"{plan.minutes} min / {len(_trained(plan))}",
        "corpus": ws.fingerprint("corpus"),
        "model": resources.models.language_model(resources.variant.plain).identity.fingerprint,
    }
    return ws.path / "ablation" / json_digest(facts, 12)


def ablate(resources: Resources, folder: Path, plan: AblationPlan) -> Work:
    """Trains and measures every variant.

    Args:
        resources: Of a workspace with a corpus that has dev questions.

    Yields:
        Progress of the trainings and measurements; after each variant ``data`` holds ``rows``, the table so far.

    Raises:
        TesseraError: The corpus has no dev questions.
    """
    corpus = resources.corpus
    if not corpus.questions.get("dev"):
        raise TesseraError("The corpus has no dev questions to compare by.", "Add questions_dev.jsonl to it.")
    steps = yield from _steps(resources.models.language_model(resources.variant.plain), corpus, folder, plan)
    rows: list[dict[str, Any]] = []
    variants = plan.variants()
    for number, variant in enumerate(variants, start=1):
        result = _slot(folder, variant) / RESULT
        if not result.is_file():
            for progress in _train_and_measure(resources, folder, variant, steps, plan):
                yield replace(progress, stage=f"{variant.name}: {progress.stage}", data={})
        rows.append(json.loads(result.read_text(encoding="utf-8")))
        yield Progress("Variants", number, len(variants), variant.name, {"rows": list(rows)})


def finished(ws: Workspace) -> list[dict[str, Any]]:
    """The table of the ablation that was worked on last, its variants in the order in which they ended."""
    results = [path for path in (ws.path / "ablation").glob(f"*/*/{RESULT}") if path.is_file()]
    if not results:
        return []
    by_age = sorted(results, key=lambda path: path.stat().st_mtime_ns)
    latest = by_age[-1].parent.parent
    return [json.loads(path.read_text(encoding="utf-8")) for path in by_age if path.parent.parent == latest]


def _train_and_measure(resources: Resources, folder: Path, variant: Variant, steps: int, plan: AblationPlan) -> Work:
    slot = _slot(folder, variant)
    ws = Workspace(_slot(folder, Variant(BASE, variant.config)) if variant.read else slot)
    _copy_inputs(resources.workspace, ws)
    if ws.state("memory").status != "ready":
        config = replace(
            variant.config, steps=steps, eval_every=max(1, steps // 2), checkpoint_every=max(1, steps // 10)
        )
        yield from pipeline.train(ws, resources.models, config, start=plan.start)
    copied = replace(resources, workspace=ws)
    method = LlmAsMemory(copied, variant.read)
    dev = sort_questions(copied.corpus.questions["dev"], copied.corpus, method.memory.pool.ids, plan.questions)
    dev = replace(dev, foreign=())
    rows = run_folder(copied, dev, method)
    yield from evaluate_memory(copied, dev, method, rows)
    figures = summarise(rows, ws)
    trained = method.memory.card.training.get("train_s")
    kv_bytes = method.reader.kept.resident_bytes()
    row = {"variant": variant.name, "steps": steps, "train_s": trained, "kv_bytes": kv_bytes, **figures}
    slot.mkdir(parents=True, exist_ok=True)
    write_atomically(slot / RESULT, json.dumps(row, indent=1).encode())


def _steps(lm: LanguageModel, corpus: Corpus, folder: Path, plan: AblationPlan) -> Any:
    """Steps of every variant, found once and kept: a resumed run must not train some of them longer."""
    path = folder / STEPS
    if plan.steps or not plan.base.steps:
        return plan.steps
    if not path.is_file():
        yield Progress("Timing a training step", 0, _TIMED_STEPS)
        learner = EvidenceTrainer(lm, corpus, None, plan.base)
        learner.step(0)
        began = time.perf_counter()
        for number in range(1, _TIMED_STEPS + 1):
            learner.step(number)
            yield Progress("Timing a training step", number, _TIMED_STEPS)
        pace = (time.perf_counter() - began) / _TIMED_STEPS
        steps = max(1, int(plan.minutes * 60 / len(_trained(plan)) / pace))
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"steps": steps, "seconds_per_step": pace}).encode())
    return int(json.loads(path.read_text(encoding="utf-8"))["steps"])


def _trained(plan: AblationPlan) -> Sequence[Variant]:
    return [variant for variant in plan.variants() if variant.read is None]


def _slot(folder: Path, variant: Variant) -> Path:
    facts = {"config": variant.config.to_json(), "read": asdict(variant.read) if variant.read else None}
    return folder / json_digest(facts, 12)


def _copy_inputs(source: Workspace, target: Workspace) -> None:
    """Gives a variant's workspace what RAG and the questions need; none of it changes."""
    target.path.mkdir(parents=True, exist_ok=True)
    for kind in _COPIED:
        if source.state(kind).status == "ready" and not target.folder(kind).is_dir():
            shutil.copytree(source.folder(kind), target.folder(kind))
