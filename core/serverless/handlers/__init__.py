"""One file per Lambda function: ``core.serverless.handlers.NAME.handler``."""
