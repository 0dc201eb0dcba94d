"""A plan with numbers: what each method takes for so many passages and questions, from what was measured here."""
