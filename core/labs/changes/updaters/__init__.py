"""How each method takes up a change, one file per method."""
