"""Settings, read once from the environment and an optional ``.env`` file.

Every value has a default that works offline on a laptop CPU. Names in the environment start with ``TESSERA_``;
``HF_TOKEN`` and ``REDIS_URL`` keep their usual names; the first is read by the Hugging Face libraries themselves.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from dotenv import load_dotenv

from core.errors import TesseraError

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_MODEL = "smollm2-135m"
DEFAULT_ENCODER = "all-minilm-l6-v2"
DEFAULT_STORE = "faiss-flat"
DEVICES = ("auto", "cpu", "cuda", "mps")
FEEDBACK_LOGS = ("file", "redis")
DTYPES = ("auto", "float32", "bfloat16", "float16", "nf4")
CACHE_PRECISIONS = ("auto", "float32", "bfloat16", "float16", "fp8", "int8", "int4")


@dataclass(frozen=True)
class Settings:
    """What a person may set.

    Attributes:
        home: Folder for provisioned models, shared by all workspaces.
        workspaces: Folder that holds the workspaces.
        model: Language model: a folder, or a Hugging Face id.
        encoder: Sentence encoder: a folder, or a Hugging Face id.
        device: One of ``DEVICES``; auto takes CUDA, then MPS, then the CPU.
        dtype: One of ``DTYPES``; auto takes bfloat16 where the device multiplies it natively, else float32.
        reader: Whether the default model reads with its reader adapter.
        seed: Seed of everything that is drawn.
        max_new_tokens: Longest answer, in tokens.
        top_k: Passages that RAG puts in the prompt.
        store: Where RAG searches, by its name in core/stores/registry.py.
        cell_tokens: Most passage tokens in a Voronoi cell.
        cache_bytes: Most bytes of KV caches that stay in memory.
        nprobe: Cells that composed CAG looks into.
        block_passages: Passages whose blocks composed CAG joins, the best of those cells; 0 joins all of them.
        link_tokens: First tokens of every joined block that are computed anew; 0 leaves blocks independent.
        answer_cache: Whether Redis RAG may answer from its cache; off, every clock shows work that was done.
        feedback: Where judgements of answers are kept: "file" in the workspace, or "redis".
        redis_url: A Redis of one's own, from REDIS_URL; empty for the embedded one.
        redis_folder: Where the embedded Redis keeps its data, shared by all workspaces.
        answerer_url: Base address of an OpenAI-compatible server that answers from the memory's evidence; empty for the
            local model. Its key is read from TESSERA_ANSWERER_KEY where it is used and is no setting.
        answerer_model: Name of the model there.
        answerer_timeout: Longest wait for the next piece of its answer, in seconds.
        judge_url: Base address of an OpenAI-compatible server whose model judges kept answers; empty for none.
        judge_model: Name of the model there.
        judge_embeddings: Name of an embedding model there, for answer relevancy; empty leaves that out.
        cache_precision: Number format in which KV caches are kept; auto is the model's own.
        cache_prefetch: Whether the second-nearest cell is read into memory once an answer is complete. Off unless set:
            the disk and the core that it uses would disturb the clock of whatever is measured next.
        cache_url: Storage of the KV caches, such as ``s3://bucket/prefix``; empty keeps them in the workspace.
    """

    home: Path = Path.home() / ".cache" / "tessera"
    workspaces: Path = ROOT / "workspaces"
    model: str = DEFAULT_MODEL
    encoder: str = DEFAULT_ENCODER
    device: str = "auto"
    dtype: str = "auto"
    reader: bool = True
    seed: int = 0
    max_new_tokens: int = 48
    top_k: int = 3
    store: str = DEFAULT_STORE
    cell_tokens: int = 1024
    cache_bytes: int = 1_000_000_000
    nprobe: int = 3
    block_passages: int = 3
    link_tokens: int = 16
    answer_cache: bool = False
    feedback: str = "file"
    redis_url: str = ""
    redis_folder: Path = Path.home() / ".cache" / "tessera" / "redis"
    answerer_url: str = ""
    answerer_model: str = ""
    answerer_timeout: int = 60
    judge_url: str = ""
    judge_model: str = ""
    judge_embeddings: str = ""
    cache_precision: str = "auto"
    cache_prefetch: bool = False
    cache_url: str = ""

    def __post_init__(self) -> None:
        _one_of("device", self.device, DEVICES)
        _one_of("dtype", self.dtype, DTYPES)
        _one_of("cache_precision", self.cache_precision, CACHE_PRECISIONS)
        _one_of("feedback", self.feedback, FEEDBACK_LOGS)
        for name in ("max_new_tokens", "top_k", "cell_tokens", "cache_bytes", "answerer_timeout", "nprobe"):
            if getattr(self, name) < 1:
                raise TesseraError(
                    f"{name} is {getattr(self, name)}, but must be at least 1.", f"Set TESSERA_{name.upper()}."
                )

        for name in ("block_passages", "link_tokens"):
            if getattr(self, name) < 0:
                raise TesseraError(
                    f"{name} is {getattr(self, name)}, but must not be negative.", f"Set TESSERA_{name.upper()}."
                )

    @classmethod
    def from_environment(cls, env_file: Path = ROOT / ".env") -> Settings:
        """Reads ``TESSERA_*`` variables over the defaults; the environment wins over ``env_file``.

        Raises:
            TesseraError: A variable holds a value of the wrong kind.
        """
        load_dotenv(env_file, override=False)
        values: dict[str, object] = {"redis_url": os.environ.get("REDIS_URL", "")}
        for field in fields(cls):
            raw = os.environ.get(f"TESSERA_{field.name.upper()}")
            if raw is not None:
                values[field.name] = _parse(field.name, raw, type(field.default))
        return cls(**values)  # type: ignore[arg-type]


def _parse(name: str, raw: str, kind: type) -> object:
    variable = f"TESSERA_{name.upper()}"
    if kind is bool:
        lowered = raw.strip().lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off", ""):
            return False
        raise TesseraError(f"{variable}={raw!r} is neither yes nor no.", "Use 1 or 0.")
    if issubclass(kind, Path):
        return Path(raw).expanduser()
    if kind is int:
        try:
            return int(raw)
        except ValueError:
            raise TesseraError(f"{variable}={raw!r} is not a whole number.", "Correct it or remove it.") from None
    return raw


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise TesseraError(f"{name} is {value!r}.", f"Choose one of: {', '.join(allowed)}.")
