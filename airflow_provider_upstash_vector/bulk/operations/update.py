"""Updates: change parts of a stored vector, one vector a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.client.wire.call import count

_OUTCOMES = (Outcome.MISSING,), (Outcome.UPDATED,)


class Update:
    """``/update``, which takes one vector, and reports how many exist."""

    name = "update"
    max_rows = 1
    max_bytes = 0

    def body(self, fragments: Sequence[bytes]) -> bytes:
        """Return the body of a request with one row."""
        return fragments[0]

    def outcomes(self, result: Any, rows: int) -> Sequence[Outcome]:  # noqa: ARG002 - always one
        """Return the outcome of the row. Raises ``ValueError`` if the result is not as documented."""
        return _OUTCOMES[min(count(result, "updated"), 1)]
