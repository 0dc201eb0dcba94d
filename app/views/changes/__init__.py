"""Parts of the Live change page."""
