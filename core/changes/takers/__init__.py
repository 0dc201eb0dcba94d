"""How each arm takes up a change, one file per arm."""
