"""One file per Lambda function: ``core.labs.serverless.handlers.NAME.handler``."""
