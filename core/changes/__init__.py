"""Changing one document: how soon each arm knows, and what the change breaks.

change.py says what is added, edited or deleted, and what counts as knowing it; race.py runs the arms one after another,
each in a throw-away copy of the workspace (copies.py), on a clock of its own (clock.py). takers/ holds how an arm takes
up a change, one file per arm; lanes.py what became of one, damage.py the old questions before and after.
"""
