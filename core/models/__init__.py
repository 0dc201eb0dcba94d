"""Language model and encoder, and where their files come from."""
