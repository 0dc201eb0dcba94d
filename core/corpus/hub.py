"""Three question answering data sets from the Hugging Face hub, streamed: no more is fetched than is kept.

    natural_questions   lucadiliello/naturalquestionsshortqa (Natural Questions of MRQA 2019: paragraph, short answers)
    hotpotqa            hotpotqa/hotpot_qa, distractor setting: ten paragraphs a question, two of them gold
    squad               rajpurkar/squad: several questions a paragraph

What a row means is said in ``core.corpus.published``, so that it can be tested without the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from core.corpus.limits import other_fields
from core.corpus.published import Converted, ParsedRows, Row, convert_hotpotqa, convert_natural_questions, convert_squad
from core.corpus.types import Corpus
from core.errors import CorpusError
from core.messages import message

DEFAULT_SIZE = 1_000


@dataclass(frozen=True)
class HubSet:
    """Where a data set is and how its rows are read.

    Attributes:
        convert: Row to passages and questions; a pure function.
    """

    hub_id: str
    config: str | None
    split: str
    convert: Callable[[Row], Converted]


HUB_SETS: dict[str, HubSet] = {
    "natural_questions": HubSet("lucadiliello/naturalquestionsshortqa", None, "validation", convert_natural_questions),
    "hotpotqa": HubSet("hotpotqa/hotpot_qa", "distractor", "validation", convert_hotpotqa),
    "squad": HubSet("rajpurkar/squad", None, "validation", convert_squad),
}


def stream_rows(hub_set: HubSet) -> Iterator[Row]:
    """Rows of a data set, fetched as they are read.

    Raises:
        CorpusError: The hub cannot be reached, or the data set is not there.
    """
    from datasets import load_dataset
    from httpx import HTTPError

    try:
        yield from load_dataset(hub_set.hub_id, hub_set.config, split=hub_set.split, streaming=True)
    except (OSError, ValueError, HTTPError) as error:
        raise CorpusError(
            message(
                "{name} cannot be fetched from the Hugging Face hub ({kind}: {error}).",
                name=hub_set.hub_id,
                kind=type(error).__name__,
                error=str(error),
            ),
            "Check the connection, or give the path of a folder with passages.jsonl and questions_dev.jsonl instead.",
        ) from error


def load_hub(name: str, size: int | None = None, rows: Iterable[Row] | None = None) -> Corpus:
    """The first passages of a data set and the questions about them.

    The first question about a passage is a dev question, further ones are for training: a memory then meets other
    questions about the same passages in evaluation than in training.

    Args:
        size: Passages to keep; ``DEFAULT_SIZE`` when None.
        rows: Rows to read instead of those of the hub.

    Raises:
        CorpusError: The hub cannot be reached, or has nothing that can be read.
    """
    hub_set = HUB_SETS[name]
    most = size or DEFAULT_SIZE
    gathered = ParsedRows()
    for row in stream_rows(hub_set) if rows is None else rows:
        if not gathered.add(_converted(name, hub_set, row), most):
            break
    if not gathered.passages:
        raise CorpusError(message("{name} gave no passage.", name=name), "Ask for a larger size.")
    return Corpus(name, tuple(gathered.passages.values()), gathered.splits())


def _converted(name: str, hub_set: HubSet, row: Row) -> Converted:
    try:
        return hub_set.convert(row)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        remedy = message("Its layout has changed since; give a path to a copy of {name} instead.", name=name)
        raise other_fields(hub_set.hub_id, error, remedy) from error
