"""A link that restores a comparison: choices to query parameters and back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlencode, urlsplit, urlunsplit

from core.methods.comparison import Choices
from core.settings import MEMORY_ORDERS, READINGS
from core.stores.registry import STORES

MAX_QUESTION = 500
MAX_TOP_K = 10


def to_params(choices: Choices) -> dict[str, str]:
    """Query parameters of a comparison."""
    return {
        "workspace": choices.workspace,
        "q": choices.question,
        "methods": ",".join(choices.methods),
        "reader": "1" if choices.reader else "0",
        "top_k": str(choices.top_k),
        "store": choices.store,
        **({"order": choices.memory_order} if choices.memory_order else {}),
        **({"reading": choices.reading} if choices.reading else {}),
    }


def from_params(params: Mapping[str, str], known: tuple[str, ...], default: Choices) -> Choices:
    """The choices in a link; what is missing or makes no sense is taken from ``default``."""
    methods = tuple(name for name in params.get("methods", "").split(",") if name in known)
    top_k, store = params.get("top_k", ""), params.get("store", "")
    order, reading = params.get("order", ""), params.get("reading", "")
    return Choices(
        workspace=params.get("workspace", default.workspace),
        question=params.get("q", default.question)[:MAX_QUESTION],
        methods=tuple(dict.fromkeys(methods)) or default.methods,
        reader=params.get("reader", "1" if default.reader else "0") != "0",
        top_k=min(int(top_k), MAX_TOP_K) if top_k.isascii() and top_k.isdigit() and int(top_k) else default.top_k,
        store=store if store in STORES else default.store,
        memory_order=order if order in MEMORY_ORDERS else default.memory_order,
        reading=reading if reading in READINGS else default.reading,
    )


def link(page_url: str, choices: Choices, further: Mapping[str, str] = MappingProxyType({})) -> str:
    """The address of a comparison.

    Args:
        page_url: Address of the Compare page as the browser has it.
        further: Parameters that are kept beside them, such as a language that was chosen.
    """
    parts = urlsplit(page_url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode({**to_params(choices), **further}), ""))
