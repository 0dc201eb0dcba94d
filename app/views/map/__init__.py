"""Parts of the Map page."""
