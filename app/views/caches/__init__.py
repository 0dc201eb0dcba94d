"""Parts of the Caches page."""
