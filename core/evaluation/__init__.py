"""Metrics, statistics and the harness that runs the arms over questions."""
