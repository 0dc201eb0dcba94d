"""Measurements that a person repeats on their own machine."""
