"""After how many questions each method's build has paid for itself, in sentences, from a run over many questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.i18n import duration, t
from core.methods import registry
from core.units import milliseconds, size


def pay_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """For every main method that takes longer to build than RAG: what that buys, and when it has paid for itself."""
    efficiency = summary["efficiency"]
    baseline = efficiency.get(registry.BASELINE)
    for name in registry.main_methods():
        facts = efficiency.get(name, {})
        account = facts.get("break_even")
        if baseline is None or not account or account["build_s"] <= 0:
            continue
        values = {
            "method": t(registry.METHODS[name].label),
            "time": duration(account["build_s"]),
            "size": size(facts["bytes_per_1000_documents"]),
            "rag": size(baseline["bytes_per_1000_documents"]),
        }
        if account["questions"] is None:
            yield t(
                "**{method}** takes {time} more to build than RAG, {size} of disk for 1,000 documents instead of "
                "{rag}, and {lost} more for every question: it never pays off.",
                **values,
                lost=milliseconds(-account["saving_ms"]),
            )
        else:
            yield t(
                "**{method}** takes {time} more to build than RAG and {size} of disk for 1,000 documents instead of "
                "{rag}, and saves {saved} with every question: it pays off after **{n:,} questions**.",
                **values,
                saved=milliseconds(account["saving_ms"]),
                n=account["questions"],
            )
