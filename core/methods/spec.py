"""The spec of a method: all that is known of it before it is opened."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Literal

from core.artefacts import artefact, with_sources
from core.errors import TesseraError
from core.messages import message
from core.settings import Settings

if TYPE_CHECKING:
    from core.methods.base import Method
    from core.methods.resources import Resources

Role = Literal["method", "baseline", "control"]


@dataclass(frozen=True)
class MethodStyle:
    """How a method looks in figures and lists.

    Attributes:
        colour: Hex colour; see ``app.figures.palette`` for how it is chosen.
    """

    colour: str
    icon: str
    marker: str


@dataclass(frozen=True)
class OnServer:
    """The fields that differ when the language model runs on a server; see ``MethodSpec``."""

    opens: str
    reads: tuple[str, ...]
    facts: tuple[str, ...]
    makes: tuple[str, ...] = ()
    keeps_text: bool = True


@dataclass(frozen=True)
class MethodSpec:
    """Everything about a method that is known before it is opened.

    Attributes:
        name: Its name in code, on the command line and in files.
        summary: What it does, in one sentence.
        opens: Its class as "module:name".
        role: A method to compare, a baseline, or a control.
        reads: Kinds of artefacts it reads to answer; "index" means the index of the store in the settings.
        keeps_text: Whether it reads the text of the passages, which then counts as its storage.
        facts: Keys of the facts it reports in ``Answer.details``.
        settings: Names of settings that it answers by and the others do not.
        makes: Kinds it builds itself when it is first opened.
        asks_gold: Whether it can only answer questions whose gold passages are known.
        reads_z: Whether it reads Z, from which its evidence comes, and no passages.
        by_default: Whether it is asked unless someone chooses others.
        served: What is otherwise on a server. Without it all stays as it is, but a method that reads what belongs to
            the model in this process is refused.
    """

    name: str
    label: str
    summary: str
    opens: str
    role: Role
    reads: tuple[str, ...]
    keeps_text: bool
    style: MethodStyle
    facts: tuple[str, ...]
    settings: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    asks_gold: bool = False
    reads_z: bool = False
    by_default: bool = False
    served: OnServer | None = None

    def runs_on(self, settings: Settings) -> bool:
        """Whether it can answer where the settings run the language model."""
        return not settings.engine_url or self.served is not None or not self.model_bound

    def on(self, settings: Settings) -> MethodSpec:
        """This method as it is where the settings run the language model."""
        if not settings.engine_url:
            return self
        return replace(self, **asdict(self.served)) if self.served else self

    def open(self, resources: Resources, **options: object) -> Method:
        """The method with what it needs loaded; ``on`` the settings of these resources.

        Args:
            options: Further arguments of its class.

        Raises:
            TesseraError: It cannot answer with these resources; the remedy says what to do.
        """
        if not self.runs_on(resources.settings):
            raise self.refusal()
        method: Method = resolve_name(self.opens)(resources, **options)
        return method

    @property
    def builds(self) -> tuple[str, ...]:
        """Kinds whose build time counts for it: what it reads, and everything that is built from."""
        return with_sources(self.reads)

    @property
    def needs(self) -> tuple[str, ...]:
        """Kinds that must be ready before it is opened, in build order."""
        return tuple(kind for kind in self.builds if kind not in self.makes)

    @property
    def model_bound(self) -> bool:
        """Whether it reads artefacts that belong to one variant of the language model."""
        return any(artefact(kind).varied for kind in self.reads)

    def refusal(self) -> TesseraError:
        """Why it cannot answer where ``runs_on`` is false."""
        return TesseraError(
            message("{method} joins stored keys and values, which no server takes.", method=message(self.label)),
            "Leave it out, or run the language model in this process.",
        )
