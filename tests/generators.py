"""Generators run to their end."""


def finish(work):
    """All steps of a generator, and what it returns."""
    steps = []
    while True:
        try:
            steps.append(next(work))
        except StopIteration as end:
            return steps, end.value


def result_of(work):
    """What a generator returns."""
    return finish(work)[1]
