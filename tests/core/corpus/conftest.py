"""A tokenizer for the tests of this room: one token a word, or a piece of eight letters of it."""

import pytest


def count_tokens(text: str) -> int:
    return sum(-(-len(word) // 8) for word in text.split())


@pytest.fixture
def count():
    return count_tokens
