"""Benchmarks: one file per thing that is measured; the command line prints what they return."""
