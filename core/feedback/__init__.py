"""What people thought of an answer: a log behind one protocol, in the workspace or in Redis."""
