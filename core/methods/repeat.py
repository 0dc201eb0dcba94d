"""Measuring a run again: medians of several rounds say more than one measurement."""

from __future__ import annotations

from collections.abc import Callable

from core.fair_lock import FairLock, until_turn
from core.jobs import Progress, Work
from core.messages import message
from core.methods import registry
from core.methods.base import Method, answer
from core.methods.comparison import Run
from core.models.cpu_load import OtherLoad

TIMES = 5
"""Default number of repeated measurements."""


def repeat(run: Run, open_method: Callable[[str], Method], lock: FairLock, times: int = TIMES) -> Work:
    """Measures every method that has answered ``times`` more times; closing the generator keeps the traces so far.

    Each method answers once per round, so that a slow minute of the machine affects all of them.

    Args:
        run: Gets a trace in ``repeats`` for each method and round.

    Yields:
        Progress after each answer.

    Raises:
        TesseraError: A method cannot be opened any more.
    """
    total = times * len(run.answers)
    done = 0
    for number in range(1, times + 1):
        for name in run.answers:
            label = message(registry.METHODS[name].label)
            with lock.ticket() as ticket:
                yield from until_turn(ticket, done, total)
                method, load = open_method(name), OtherLoad()
                trace, missing = answer(method, run.choices.question).trace, load.missing()
            again = run.repeats.setdefault(name, [])
            run.missing[name] = [*(run.missing.get(name, ()) if again else ()), missing]
            again.append(trace)
            done += 1
            note = message("round {number} of {times}, {method}", number=number, times=times, method=label)
            yield Progress("Measuring", done, total, note)
