"""A digest of the requests that the rows read so far make: a run that resumes notices other rows than before.

What is digested is what would be sent, so that it is the same in every process for equal rows of any type. Pure.
"""

from __future__ import annotations

import hashlib

from airflow_provider_upstash_vector.bulk.encode import Encoded
from airflow_provider_upstash_vector.client.errors import InvalidUpdate, UpstashVectorError

DIGEST_BYTES = 16


class RowsChanged(UpstashVectorError):
    """The rows are not those that the checkpoint was saved for."""


class RowsDigest:
    """The digest of ``rows`` rows. The first ``expected_rows``, those of a checkpoint, must have ``expected``.

    ``compared`` says whether as many have been added.
    """

    def __init__(self, expected_rows: int = 0, expected: str = "") -> None:
        self._hash = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._expected_rows = expected_rows
        self._expected = expected
        self.rows = 0
        self.compared = expected_rows <= 0

    def add(self, request: Encoded | InvalidUpdate) -> bool:
        """Add what becomes of the next row; return whether the rows may still be those of the checkpoint."""
        if isinstance(request, InvalidUpdate):
            self._hash.update(b"rejected\n")
        else:
            self._hash.update(b"%b %b\n" % (request.path.encode(), request.body))
        self.rows += 1
        if self.compared:
            return True
        self.compared = self.rows == self._expected_rows
        return not self.compared or self._hash.hexdigest() == self._expected

    def may_end(self, settled_rows: int) -> bool:
        """Return whether the input may end here: not before the rows of the checkpoint or one that is settled."""
        return self.rows >= max(self._expected_rows, settled_rows)

    def state(self) -> tuple[int, str]:
        """Return the rows and their digest, or those of the checkpoint until as many have been read."""
        return (self.rows, self._hash.hexdigest()) if self.compared else (self._expected_rows, self._expected)
