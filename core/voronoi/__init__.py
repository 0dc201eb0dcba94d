"""Cells of the embedding space: partition, routing, and their picture in the plane."""
