"""The sample of a namespace: the ids with the smallest hashes, the same ones in each run. Pure."""

from __future__ import annotations

import heapq
from hashlib import blake2b


class Sample:
    """Keeps the ``size`` ids whose hashes of seed and id are the smallest, in any order of the ids."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = f"{seed}\0".encode()
        self._kept: list[tuple[int, str]] = []  # a heap with the largest hash first
        self._ids: set[str] = set()

    def add(self, id: str) -> None:
        """Keep an id if its hash is small enough; one that is scanned twice is kept once."""
        digest = blake2b(self._seed + id.encode(), digest_size=8).digest()
        entry = (-int.from_bytes(digest, "big"), id)
        if len(self._kept) == self._size and entry <= self._kept[0]:
            return
        if id in self._ids:
            return
        self._ids.add(id)
        if len(self._kept) < self._size:
            heapq.heappush(self._kept, entry)
        else:
            _, removed = heapq.heapreplace(self._kept, entry)
            self._ids.remove(removed)

    def ids(self) -> list[str]:
        """Return the ids in the order of their hashes."""
        return [id for _, id in sorted(self._kept, reverse=True)]
