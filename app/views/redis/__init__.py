"""Parts of the Redis page."""
