"""The dated, editable price table of plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from core.errors import TesseraError
from core.messages import message

PRICES = Path(__file__).resolve().parent / "prices.yaml"


@dataclass(frozen=True)
class Machine:
    """A kind of machine that can be rented.

    Attributes:
        hour: Its price.
        memory_gb: For indexes, keys and the model.
        disk_gb_s: What its disk reads in a second.
        tflops: What a language model gets out of it when it reads a prompt.
        memory_gb_s: What it reads from memory in a second: the pace of decoding.
    """

    hour: float
    memory_gb: float
    disk_gb_s: float
    tflops: float
    memory_gb_s: float


@dataclass(frozen=True)
class Prices:
    """The table.

    Attributes:
        disk_gb_month: A gigabyte of disk for a month.
    """

    as_of: str
    currency: str
    disk_gb_month: float
    machines: Mapping[str, Machine]


def load_prices(path: Path = PRICES) -> Prices:
    """Reads a table.

    Raises:
        TesseraError: The file is not a price table.
    """
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
        prices: Prices = TypeAdapter(Prices).validate_python({**table, "as_of": str(table["as_of"])})
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValidationError) as error:
        what = message("{path} is no table of prices ({error}).", path=path, error=str(error).splitlines()[0])
        raise TesseraError(what, "Start from the one that ships.") from error
    return prices
