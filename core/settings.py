"""Settings, read once from the environment and an optional ``.env`` file.

Every value has a default that works offline on a laptop CPU. Names in the environment start with ``TESSERA_``;
``HF_TOKEN``, ``REDIS_URL`` and ``RAY_ADDRESS`` keep their usual names; the first is read by the Hugging Face libraries
themselves.
"""

from __future__ import annotations

from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any, Self

from dotenv import load_dotenv
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.artefacts import DEFAULT_STORE
from core.errors import TesseraError
from core.messages import message

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_MODEL = "smollm2-135m"
DEFAULT_ENCODER = "all-minilm-l6-v2"
DEVICES = ("auto", "cpu", "cuda", "mps")
FEEDBACK_LOGS = ("file", "redis")
MEMORY_ORDERS = ("auto", "answer", "evidence")
READINGS = ("alone", "together")
DTYPES = ("auto", "float32", "bfloat16", "float16", "nf4")
CACHE_PRECISIONS = ("auto", "float32", "bfloat16", "float16", "fp8", "int8", "int4")


def _one_of(allowed: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(", ".join(allowed))
        return value

    return AfterValidator(check)


def _stripped(value: object) -> object:
    return (value.strip() or "0") if isinstance(value, str) else value


Switch = Annotated[bool, BeforeValidator(_stripped)]
"""Yes or no; an empty variable is no."""
Folder = Annotated[Path, AfterValidator(Path.expanduser)]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]


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
        top_k: Most passages that are read: RAG puts their text in the prompt, CAG joins their blocks.
        score_cutoff: Least score of a passage that is read, as a share of the best one's; 0 reads ``top_k`` passages
            however little they match, rows of a table included.
        reading: How several passages are read here: "alone", each with the question and the answer from one of them, or
            "together" in one prompt, which questions that need two of them ask for. A server reads them together.
        store: Where RAG searches, by its name in core/stores/registry.py.
        cell_tokens: Most passage tokens in a Voronoi cell, for whole-cell caches; 0 sets no bound.
        cache_bytes: Most bytes of KV caches that stay in memory.
        nprobe: Cells that CAG looks into; 0 lets it choose by their number, see ``core.voronoi.routing``.
        memory_order: What LLM-as-Memory writes first: "answer", read off z, with the evidence after it, or "evidence",
            from which it then answers; auto answers first where z spells words. A server answers from the evidence.
        z_sentences: How many sentences of a z LLM-as-Memory reads before it answers, those nearest to the question; it
            reads the whole z where they do not say it. 0 reads the whole z at once.
        answer_cache: Whether Redis RAG may answer from its cache; off, every clock shows work that was done.
        feedback: Where judgements of answers are kept: "file" in the workspace, or "redis".
        redis_url: A Redis of one's own, from REDIS_URL; empty for the embedded one.
        ray_address: A Ray cluster that computes what can be divided, from RAY_ADDRESS; empty computes here.
        redis_folder: Where the embedded Redis keeps its data, shared by all workspaces.
        engine_url: Base address of an OpenAI-compatible server on which the language model runs; empty to run it here.
        engine_model: Name of the model there.
        engine_key: The server's key; no text made from it shows it.
        engine_timeout: Longest wait for the next piece of a server's answer, in seconds.
        embed_url: Base address of an OpenAI-compatible server that embeds questions and passages; empty to embed here.
        embed_model: Name of the embedding model there; a preset's name or hub id brings its prefixes along.
        embed_key: The key of that address.
        judge_url: Base address of an OpenAI-compatible server whose model judges kept answers; empty for the engine's.
        judge_model: Name of the model there; empty for the engine's.
        judge_key: The key of that address.
        judge_embeddings: Name of an embedding model there, for answer relevancy; empty leaves that out.
        cache_precision: Number format in which KV caches are kept; auto is the model's own.
        cache_url: Storage of the KV caches, such as ``s3://bucket/prefix``; empty keeps them in the workspace.
        allowed_hosts: Further names under which the HTTP fronts may be asked, with commas between them.

    Raises:
        TesseraError: A value is of the wrong kind or out of range.
    """

    home: Folder = Path.home() / ".cache" / "tessera"
    workspaces: Folder = ROOT / "workspaces"
    model: str = DEFAULT_MODEL
    encoder: str = DEFAULT_ENCODER
    device: Annotated[str, _one_of(DEVICES)] = "auto"
    dtype: Annotated[str, _one_of(DTYPES)] = "auto"
    reader: Switch = True
    seed: int = 0
    max_new_tokens: Positive = 48
    top_k: Positive = 3
    score_cutoff: Annotated[float, Field(ge=0, le=1)] = 0.8
    reading: Annotated[str, _one_of(READINGS)] = "alone"
    store: str = DEFAULT_STORE
    cell_tokens: NotNegative = 0
    cache_bytes: Positive = 200_000_000
    nprobe: NotNegative = 0
    memory_order: Annotated[str, _one_of(MEMORY_ORDERS)] = "auto"
    z_sentences: NotNegative = 3
    answer_cache: Switch = False
    feedback: Annotated[str, _one_of(FEEDBACK_LOGS)] = "file"
    redis_url: str = field(default="", repr=False)  # may hold a password
    ray_address: str = ""
    redis_folder: Folder = Path.home() / ".cache" / "tessera" / "redis"
    engine_url: str = ""
    engine_model: str = ""
    engine_key: SecretStr = SecretStr("")
    engine_timeout: Positive = 60
    embed_url: str = ""
    embed_model: str = ""
    embed_key: SecretStr = SecretStr("")
    judge_url: str = ""
    judge_model: str = ""
    judge_key: SecretStr = SecretStr("")
    judge_embeddings: str = ""
    cache_precision: Annotated[str, _one_of(CACHE_PRECISIONS)] = "auto"
    cache_url: str = ""
    allowed_hosts: str = ""

    @model_validator(mode="wrap")
    @classmethod
    def _refuse(cls, values: Any, handler: ModelWrapValidatorHandler[Settings]) -> Settings:
        """Says in a sentence what is wrong with the first value that is."""
        try:
            return handler(values)
        except ValidationError as error:
            raise _refusal(error) from None

    @property
    def in_process(self) -> Settings:
        """The same with the language model in this process, for what looks into it."""
        return replace(self, engine_url="")

    def here(self) -> Settings:
        """These settings, of another machine, with the folder of model files that this one has."""
        return replace(self, home=Settings.from_environment().home)

    @classmethod
    def from_environment(cls, env_file: Path = ROOT / ".env") -> Self:
        """Reads ``TESSERA_*`` variables over the defaults; the environment wins over ``env_file``.

        Raises:
            TesseraError: A variable holds a value of the wrong kind.
        """
        load_dotenv(env_file, override=False)  # into the environment, where other libraries look for their names
        environment: Any = create_model("Environment", __base__=_Environment, tessera=(cls, cls()))()
        settings: Self = environment.tessera
        return replace(
            settings,
            redis_url=settings.redis_url or environment.redis_url,
            ray_address=settings.ray_address or environment.ray_address,
        )


class _Environment(BaseSettings):
    """TESSERA_TOP_K is the field ``top_k`` of ``tessera``."""

    model_config = SettingsConfigDict(env_nested_delimiter="_", env_nested_max_split=1)

    redis_url: str = ""
    ray_address: str = ""


_REFUSALS = {
    "literal_error": ("{name} is {value!r}.", "Choose one of: {choices}."),
    "value_error": ("{name} is {value!r}.", "Choose one of: {choices}."),
    "greater_than_equal": ("{name} is {value}, but must be at least {least}.", "Set {variable}."),
    "bool_parsing": ("{variable}={value!r} is neither yes nor no.", "Use 1 or 0."),
}
_NO_NUMBER = ("{variable}={value!r} is not a whole number.", "Correct it or remove it.")


def _refusal(error: ValidationError) -> TesseraError:
    wrong = error.errors()[0]
    name, limits = str(wrong["loc"][0]), wrong.get("ctx", {})
    values = {"name": name, "value": wrong["input"], "variable": f"TESSERA_{name.upper()}"}
    values |= {"least": limits.get("ge"), "choices": limits.get("error") or limits.get("expected")}
    what, remedy = _REFUSALS.get(wrong["type"], _NO_NUMBER)
    return TesseraError(message(what, **values), message(remedy, **values))
