"""The reader adapter: a LoRA with which a small model reads passages and answers briefly."""
