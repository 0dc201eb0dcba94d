"""What every building command makes of one workspace, undisturbed: what a disturbed one is compared with."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.corpus import store
from core.corpus.sample import load_sample
from core.corpus.types import Corpus
from tests.torture.command import run

NAME = "torn"
PRESET = """
memory: {m: 2, z_dim: 16, lora_r: 2, steps: 24, batch: 4, router_dim: 8, router_layer: 1, router_steps: 30,
         eval_every: 12, checkpoint_every: 3, evidence_tokens: 8, eval_questions: 2}
"""
NOTE = "The mill at Orrin was built by Dana Pell in a single summer. It grinds barley for the whole valley."
COMMANDS = {
    "prepare": "prepare --dataset CORPUS",
    "index": "index --store bm25 --force",
    "index (IVF)": "index --store faiss-ivf --force",
    "cluster": "cluster --no-auto-k --k 6",
    "cache": "cache",
    "cache --whole-cells": "cache --whole-cells",
    "train": "train --preset PRESET",
    "adapt": "adapt --title Orrin --steps 6 --text NOTE",
    "edit": "edit geo-02 --steps 6 --text NOTE",
    "forget": "forget geo-03",
    "calibrate": "calibrate",
}
"""Every command that builds, in the order in which they are typed."""
EARLIER = ("prepare --dataset CORPUS --size 8", "cluster --no-auto-k --k 3", "train --preset PRESET")
"""What the workspace holds before them, so that each replaces something."""
STEPWISE = {"blocks", "caches", "training"}
"""What a disturbance may leave unfinished: the next run goes on from it."""
_TIMES = ("created", "build_s", "train_s", "check")
"""Fields that say when something was built and how long it took, and the checksum over them."""
Snapshot = dict[str, str]


@dataclass(frozen=True)
class Stage:
    """A workspace before a command and after it.

    Attributes:
        arguments: Of the command.
        workspaces: Folder with the workspace as it was before; copy it.
        before: Its content.
        after: Its content once the command has run undisturbed.
        seconds: What that took.
    """

    arguments: list[str]
    workspaces: Path
    before: Snapshot
    after: Snapshot
    seconds: float

    def copy(self, folder: Path) -> Path:
        """The workspaces before the command, again."""
        shutil.rmtree(folder, ignore_errors=True)
        return Path(shutil.copytree(self.workspaces, folder, symlinks=True))

    def old_or_new(self, now: Snapshot) -> None:
        """Holds that every artefact of a disturbed workspace is one of the two, but for what is built step by step."""
        for kind in {name.partition("/")[0] for name in (*self.before, *self.after)} - STEPWISE:
            assert part(now, kind) in (part(self.before, kind), part(self.after, kind)), kind


def stages(folder: Path) -> dict[str, Stage]:
    """Runs every command once, undisturbed, and keeps the workspace before each."""
    (folder / "tiny.yaml").write_text(PRESET)
    write_corpus(folder / "corpus")
    workspaces = folder / "done" / "workspaces"
    workspaces.mkdir(parents=True)
    for line in EARLIER:
        run(_arguments(line, folder), workspaces)
    found = {}
    for number, (name, line) in enumerate(COMMANDS.items()):
        arguments, before = _arguments(line, folder), folder / f"before-{number}" / "workspaces"
        shutil.copytree(workspaces, before)
        seconds = run(arguments, workspaces)
        found[name] = Stage(arguments, before, snapshot(before / NAME), snapshot(workspaces / NAME), seconds)
    return found


def write_corpus(folder: Path) -> None:
    """The first passages of the sample: so few that the map is drawn by PCA, and questions enough to calibrate on."""
    corpus = load_sample()
    passages = corpus.passages[:14]
    ids = {passage.id for passage in passages}
    asked = {split: [q for q in group if ids >= set(q.passage_ids)] for split, group in corpus.questions.items()}
    folder.mkdir()
    store.save(
        Corpus("few", passages, {"train": tuple(asked["train"]), "dev": (*asked["dev"], *asked["test"])}), folder
    )


def snapshot(folder: Path) -> Snapshot:
    """Digest of every file of a workspace, without the times that its JSON tells."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock"))
    return {str(path.relative_to(folder)): _digest(path) for path in sorted(paths)}


def part(taken: Snapshot, kind: str) -> Snapshot:
    """What a snapshot says of one artefact."""
    return {name: digest for name, digest in taken.items() if name.partition("/")[0] == kind}


def _arguments(line: str, folder: Path) -> list[str]:
    known = {"CORPUS": str(folder / "corpus"), "PRESET": str(folder / "tiny.yaml"), "NOTE": NOTE}
    return [*(known.get(word, word) for word in line.split()), "--workspace", NAME]


def _digest(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".json":
        content = json.dumps(_timeless(json.loads(content)), sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()


def _timeless(value: Any) -> Any:
    """The same without times, and without sizes and digests of files that tell times, which are compared themselves."""
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in _TIMES and not k.endswith(".json")}
    return [_timeless(item) for item in value] if isinstance(value, list) else value
