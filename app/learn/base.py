"""What every step of the tour has: one question, a guess, an exhibit that answers at once, and the same thing live."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.figures.bars import Amount, bars_figure, describe_bars
from app.i18n import t
from app.views.shared.chart import chart
from app.views.shared.table import show_table
from core.corpus.types import Corpus, Passage, Question
from core.voronoi.partition import cell_labels
from core.workspace import Workspace


@dataclass(frozen=True)
class Tour:
    """What the steps walk through.

    Attributes:
        ws: The sample workspace; complete where a step is live.
    """

    ws: Workspace
    corpus: Corpus
    question: Question

    @property
    def gold(self) -> list[Passage]:
        """The passages that hold the answer."""
        return [passage for passage in self.corpus.passages if passage.id in self.question.passage_ids]

    def labels(self) -> list[str]:
        """What each cell is about."""
        return cell_labels(self.ws)


@dataclass(frozen=True)
class Prediction:
    """A guess to make before the exhibit is shown, in this session's language.

    Attributes:
        right: Number of the option that the record bears out.
        why: What was recorded.
    """

    question: str
    options: Sequence[str]
    right: int
    why: str


@dataclass(frozen=True)
class Step:
    """A step of the tour.

    Attributes:
        name: Its address.
        intro: What one has to know for the guess.
        show: Draws the exhibit; needs no workspace unless it says so.
        live: The same on this machine, on the real engines and the complete sample.
        words: Words of the glossary that it uses.
        page: Page on which to go on by oneself; empty for none.
    """

    name: str
    title: str
    question: str
    intro: str
    predict: Callable[[], Prediction]
    show: Callable[[Tour], None]
    live: Callable[[Tour], None]
    words: Sequence[str]
    page: str = ""


def nearest(options: Sequence[float], value: float) -> int:
    """Number of the option that is nearest to a value, as a ratio."""
    return min(range(len(options)), key=lambda i: abs(math.log(options[i] / value)))


def read_this(text: str) -> None:
    """The sentence by which to read the figure above."""
    st.caption(f":material/visibility: {text}")


def bars(amounts: Sequence[Amount], title: str, key: str, log: bool = False) -> None:
    """Bars, and the same numbers as a table for those who want them so; what they are called is given in words."""
    chart(bars_figure(amounts, title, log), key=key, alt=describe_bars(amounts, title))
    with st.expander(t("As a table"), icon=":material/table:"):
        show_table([{"": amount.name, title: amount.label} for amount in amounts], f"{key}_table")
