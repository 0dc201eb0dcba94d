"""The reader adapter: a LoRA that teaches a small model to answer briefly from passages."""
