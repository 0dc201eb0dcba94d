"""The same question again and again: rounds in which every arm answers once, so that a slow minute hits them all."""

from __future__ import annotations

from collections.abc import Callable

from app.asking import Run
from core.jobs import Progress, Work
from core.methods import registry
from core.methods.base import Method, answer
from core.said import said
from core.turns import Turns, until_turn

TIMES = 5


def repeat(run: Run, open_arm: Callable[[str], Method], lock: Turns, times: int = TIMES) -> Work:
    """Measures every arm that has answered ``times`` more times; what was measured stays when it is closed.

    Args:
        run: Its ``repeats`` grow, a trace for each arm and round.
        open_arm: Opens a method by name.
        lock: Held while an arm answers.
        times: Rounds.

    Yields:
        Progress after each answer.

    Raises:
        TesseraError: An arm cannot be opened any more.
    """
    total = times * len(run.answers)
    done = 0
    for number in range(1, times + 1):
        for name in run.answers:
            arm = said(registry.METHODS[name].label)
            with lock.ticket() as ticket:
                yield from until_turn(ticket, done, total)
                trace = answer(open_arm(name), run.choices.question).trace
            run.repeats.setdefault(name, []).append(trace)
            done += 1
            note = said("round {number} of {times}, {arm}", number=number, times=times, arm=arm)
            yield Progress("Measuring", done, total, note)
