"""Metrics, statistics and the harness that runs the methods over questions."""
