"""Measuring the functions: arrivals, load, indexes of growing size, cost, and where one index overtakes the other."""
