"""Numbers as people read them: durations, sizes and counts, the same in every figure, table and sentence."""

from __future__ import annotations

from datetime import datetime, timezone

from core.messages import message

_SIZES = ("B", "KB", "MB", "GB", "TB")


def milliseconds(ms: float) -> str:
    """A span of an answer: "0.4 ms", "9.3 ms", "1,240 ms"."""
    return f"{ms:.1f} ms" if ms < 9.95 else f"{ms:,.0f} ms"


def seconds(ms: float) -> str:
    """A headline time: "412 ms" below a second, "1.24 s" from there on."""
    return f"{ms:,.0f} ms" if ms < 999.5 else f"{ms / 1000:,.2f} s"


def duration(s: float) -> str:
    """A wait: "8 s", "2 min 05 s", "1 h 12 min", "77 days"."""
    whole = round(s)
    if whole >= 2 * 86_400:
        return message("{n:,} days", n=round(s / 86_400))
    if whole < 60:
        return message("{s} s", s=whole)
    if whole < 3600:
        return message("{min} min {s:02d} s", min=whole // 60, s=whole % 60)
    return message("{h} h {min:02d} min", h=whole // 3600, min=whole % 3600 // 60)


def size(count: float) -> str:
    """Bytes on disk in powers of 1,000: "812 B", "27.1 MB", "3 KB"."""
    value, rank = float(count), 0
    while value >= 999.5 and rank < len(_SIZES) - 1:
        value, rank = value / 1000, rank + 1
    number = f"{value:,.0f}" if rank == 0 or value >= 99.5 else f"{value:.1f}".removesuffix(".0")
    return f"{number} {_SIZES[rank]}"


def timestamp() -> str:
    """The time now, ISO 8601 in UTC to the second, as runs and reports keep it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 cell", "1,204 cells"."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"
