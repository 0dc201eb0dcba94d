"""Documents as learnable vectors Z: pool, projector, router, training, adaptation."""
