"""One file per format, each turning the bytes of a file into a ``Document``; ``registry`` finds the one to use."""
