"""Redis: the embedded server, the connection to it or to one of yours, the answer cache and the metrics."""
