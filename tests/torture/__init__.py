"""Builds that are killed, files that rot and disks that fill: ``make torture``."""
