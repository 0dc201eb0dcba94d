"""Parts of the Serverless page."""
