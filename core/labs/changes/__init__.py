"""Changing one document: how soon each method knows, and what the change breaks.

change.py says what is added, edited or deleted, and what counts as knowing it; race.py runs the methods one at a time,
each in a throw-away copy of the workspace (scratch.py), on a clock of its own (clock.py). updaters/ holds how a method
takes up a change, one file per method; results.py holds what became of one, with the old questions before and after.
"""
