"""What pages are made of: one folder a page, and ``shared`` for what several use."""
