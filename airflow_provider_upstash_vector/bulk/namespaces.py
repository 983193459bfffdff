"""Updated rows by namespace, for lineage: small, whatever the rows name."""

from __future__ import annotations

from collections.abc import Mapping

MOST_NAMESPACES = 100
MOST_CHARACTERS = 256


class UpdatedByNamespace:
    """Counts updated rows of up to 100 namespaces, the first that were seen; those of any others are left out.

    Likewise left out are namespaces with names of more than 256 characters.
    """

    def __init__(self, before: Mapping[str, int] | None = None) -> None:
        self._counts = dict(before or {})

    def add(self, namespace: str, rows: int = 1) -> None:
        """Count updated rows of a namespace."""
        counts = self._counts
        if namespace in counts:
            counts[namespace] += rows
        elif len(counts) < MOST_NAMESPACES and len(namespace) <= MOST_CHARACTERS:
            counts[namespace] = rows

    def counts(self) -> dict[str, int]:
        """Return the counts so far."""
        return dict(self._counts)
