"""Passages in: the sample, files, folders, hub data sets; chunking, duplicates, the stored corpus."""
