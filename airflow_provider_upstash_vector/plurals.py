"""Counts in messages: ``1 row``, ``2 rows``."""

from __future__ import annotations


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return the count with its noun; ``nouns`` is the plural if it does not just end in ``s``."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"
