"""Serverless RAG: Lambda handlers over core, a local cloud that runs them as AWS does, and a load that measures it."""
