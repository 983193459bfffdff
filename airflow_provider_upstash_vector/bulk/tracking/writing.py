"""Why a run stops when something that it writes, a file or what a store keeps, cannot be written or read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_upstash_vector.bulk.errors import Reason
from airflow_provider_upstash_vector.client.errors import UpstashVectorError


class WriteFailed(UpstashVectorError):
    """A file that the run needs, in an object store or not, cannot be written; ``reason`` is why the run stops."""

    def __init__(self, reason: Reason, explanation: str) -> None:
        super().__init__(reason, explanation)
        self.reason: Reason = reason

    @property
    def message(self) -> str:
        """What cannot be written, and why."""
        return str(self.args[1])


@contextmanager
def writing(reason: Reason, explanation: str) -> Iterator[None]:
    """Raise :class:`WriteFailed` for any error of the block: a file's, an object store's, Airflow's.

    Errors of this package explain themselves and pass.
    """
    try:
        yield
    except UpstashVectorError:
        raise
    except Exception as error:
        raise WriteFailed(reason, f"{explanation}: {type(error).__name__}: {error}") from error
