"""Everything that studies the three methods; nothing below knows that these rooms exist."""
