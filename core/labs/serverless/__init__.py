"""Serverless RAG: Lambda handlers over core, a local twin that runs them as on AWS, and the load that measures both."""
