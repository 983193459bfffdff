"""Calls of ``embed``: sync functions in threads that can be abandoned, async ones on the run's loop; retried."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from airflow_provider_upstash_vector.bulk.embedding.function import Embedding, EmbedFunction
from airflow_provider_upstash_vector.bulk.embedding.results import Embedded, InvalidEmbeddings, embedded
from airflow_provider_upstash_vector.cancellation import in_thread
from airflow_provider_upstash_vector.client import RetryPolicy
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.plurals import plural

log = logging.getLogger(__name__)

_MAX_ERROR_CHARS = 200
# with which a task's code ends its task, so that calling it again would not help
_ENDS_TASK = {"AirflowSkipException", "AirflowFailException"}


class EmbeddingFailed(UpstashVectorError):
    """``embed`` raised an error in its last attempt, which is the cause, or returned no vectors."""

    def __init__(self, message: str, retryable: bool) -> None:  # noqa: FBT001 - so that it pickles
        super().__init__(message, retryable)
        self.retryable = retryable  # type: ignore[misc]  # here it depends on the cause

    @property
    def message(self) -> str:
        """What happened."""
        return str(self.args[0])


class Embedder:
    """Calls the function of an embedding for lists of texts, each again after an error.

    ``dimension`` is that of the index, ``None`` if unknown. ``texts`` counts those that have been embedded.
    """

    def __init__(
        self, embedding: Embedding, function: EmbedFunction, policy: RetryPolicy, dimension: int | None
    ) -> None:
        self.batch_size = embedding.batch_size
        self.concurrency = embedding.concurrency
        self._function = function
        self._is_async = any(map(_is_async, (function, getattr(function, "__call__", None))))  # noqa: B004
        self._attempts = embedding.attempts
        self._policy = policy
        self._dimension = dimension
        self.texts = 0

    async def embed(self, texts: Sequence[str]) -> list[Embedded]:
        """Return the vector of each text, or why it has none. Raises :class:`EmbeddingFailed`."""
        attempt = 1
        while True:
            try:
                vectors = embedded(await self._call([*texts]), len(texts), self._dimension)
            except asyncio.CancelledError:
                raise
            except InvalidEmbeddings as error:
                raise EmbeddingFailed(f"embed {error}", retryable=False) from error
            except BaseException as error:
                if attempt >= self._attempts or not _may_be_retried(error):
                    attempts = plural(attempt, "attempt")
                    raise EmbeddingFailed(
                        f"embed failed after {attempts}: {_text(error)}", retryable=True
                    ) from error
                log.warning("Attempt %d of embed failed: %s", attempt, _text(error))
            else:
                self.texts += len(texts)
                return vectors
            await asyncio.sleep(self._policy.backoff_seconds(attempt, random.random()))  # noqa: S311 - jitter
            attempt += 1

    async def _call(self, texts: list[str]) -> object:
        result = self._function(texts) if self._is_async else await in_thread(_called, self._function, texts)
        return (
            await _awaited(result) if isinstance(result, AsyncIterator) or inspect.isawaitable(result) else result
        )


def _called(function: EmbedFunction, texts: list[str]) -> object:
    try:
        result = function(texts)
        return [*result] if isinstance(result, Iterator) else result
    except (StopIteration, asyncio.CancelledError) as error:  # which mean something to who awaits the thread
        raise RuntimeError(_text(error)) from error


async def _awaited(result: Any) -> object:
    """Return the result of a coroutine or the items of an async generator; raises its errors here.

    In a task of its own, so that one that it cancels itself is distinguished from the cancellation of this one.
    """

    async def outcome() -> tuple[object, BaseException | None]:
        try:
            return [item async for item in result] if isinstance(result, AsyncIterator) else await result, None
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a task would raise KeyboardInterrupt through the loop
            return None, error

    task = asyncio.ensure_future(outcome())
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
    if task.cancelled():
        raise RuntimeError("it was cancelled")
    value, error = task.result()
    if error is not None:
        raise error
    return value


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _may_be_retried(error: BaseException) -> bool:
    return isinstance(error, Exception) and _ENDS_TASK.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARS]
