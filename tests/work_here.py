"""The work of a job in the process of the tests, whose models are tiny: one of its own would load the real ones."""

from __future__ import annotations

import pickle

from core.methods.resources import Resources
from core.workspace import Workspace


class WorkHere:
    """Stands in for ``ProcessWork``: works here on the tiny models, with a task and steps that have travelled."""

    def __init__(self, models, task, turns):
        stands_in = "<locals>" in task.make.__qualname__  # of a test
        self._models, self._task = models, task if stands_in else pickle.loads(pickle.dumps(task))

    def steps(self):
        ws, settings, models = Workspace(self._task.workspace), self._task.settings, self._models
        available = {"ws": ws, "settings": settings, "models": models, "resources": Resources(ws, models, settings)}
        for step in self._task.begin(available):
            yield pickle.loads(pickle.dumps(step))

    def cancel(self):
        pass
