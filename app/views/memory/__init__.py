"""Parts of the Memory page."""
