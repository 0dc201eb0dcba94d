"""The base error of Tessera: what happened, and what to do about it.

Everything a person can cause ends in a ``TesseraError`` (or a subclass that callers tell apart).
The CLI prints it and exits with 1, the app shows it in a box; a traceback is kept for bugs alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from core.artefacts import remedy_for
from core.messages import Message, message


class TesseraError(Exception):
    """A failure with a remedy.

    Args:
        what: One sentence that says what happened and names the offending value.
        remedy: One sentence that says what to do next; without it, how to build the artefacts of ``kinds``.
        kinds: Artefacts that have to be built, from which a front knows where to click or what to type.
    """

    def __init__(self, what: str, remedy: str = "", kinds: Sequence[str] = ()) -> None:
        if kinds and not remedy:
            remedy = remedy_for(kinds)
        super().__init__(what if not remedy else f"{what} {remedy}")
        self.what = what
        self.remedy = remedy
        self.kinds = tuple(kinds)

    def __reduce__(self) -> tuple[Any, ...]:
        """Arrives in another process with its parts."""
        return type(self), (self.what, self.remedy, self.kinds)

    @property
    def message(self) -> Message:
        """Both sentences as one translatable text."""
        what, remedy = message(self.what), message(self.remedy)
        return message("{what} {remedy}", what=what, remedy=remedy) if remedy else what


class CorpusError(TesseraError):
    """Something brought in as a corpus cannot be read; names the file and line."""


class ModelError(TesseraError):
    """A model cannot be found, downloaded, verified or loaded."""


class ArtefactMissing(TesseraError):
    """An artefact of the workspace has not been built yet."""


class ArtefactStale(TesseraError):
    """An artefact was built from something that has changed since, or its files do not match its manifest."""


class WorkspaceBusy(TesseraError):
    """Another process is writing to the same workspace."""


def require_known(what: str, name: str, known: Iterable[str]) -> None:
    """Refuses a name that is none of the known ones.

    Args:
        what: The sentence that says so, with its place {name}.

    Raises:
        TesseraError: It is none of them; the remedy names them all.
    """
    if name not in (names := tuple(known)):
        raise TesseraError(message(what, name=name), message("Choose one of: {names}.", names=", ".join(names)))


def require_positive(config: object, *names: str) -> None:
    """Refuses a setting that is neither None nor above 0.

    Args:
        names: Of the settings to look at.

    Raises:
        TesseraError: One of them is 0 or less.
    """
    for name in names:
        value = getattr(config, name)
        if value is not None and value <= 0:
            raise TesseraError(message("{name} is {value}.", name=name, value=value), "Give a number above 0.")
