"""The operator that reads vectors by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_upstash_vector.airflow_errors import fail_or_skip
from airflow_provider_upstash_vector.bulk.operations.update import OnMissing
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import FetchedVector
from airflow_provider_upstash_vector.client.validation import IdLike, shown, vector_id
from airflow_provider_upstash_vector.client.wire.writes import MAX_ITEMS
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base.arguments import (
    is_literal,
    literal_choice,
    optional_text,
    place_of,
    rendered_value,
)
from airflow_provider_upstash_vector.operators.base.reading import ReadOperator
from airflow_provider_upstash_vector.plurals import plural

_IDS = "an id or a list of ids"
_SHOWN_IDS = 10


class FetchVectorsOperator(ReadOperator):
    """Read vectors by id, or by a prefix of the id; return a list of JSON objects, ``None`` for an unknown id.

    An object has ``id`` and what is included. The read-only token is enough. Non-retryable errors fail the task
    immediately; others use the task's ``retries``.

    :param ids: an id, or a list of ids, whose order the result has; or an XComArg or template of these, of which a
        text that begins with ``[`` is a list.
    :param prefix: read up to 1,000 vectors whose ids start with this; instead of ``ids``.
    :param include_vectors: return the numbers of each vector; an XCom then takes some 20 bytes for each number.
    :param include_metadata: return the metadata of each vector.
    :param include_data: return the raw text of each vector.
    :param namespace: ``None`` for the connection's, ``""`` for the index's default one.
    :param on_missing: what to do if any id is unknown, or none has the prefix: ``"ignore"`` it, ``"fail"`` or
        ``"skip"``.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    call = "fetch"
    operations = "fetches"
    template_fields: Sequence[str] = ("ids", "prefix", "namespace", "upstash_vector_conn_id")

    _asked: list[str] | None = None  # the rendered ids

    def __init__(
        self,
        *,
        ids: IdLike | Iterable[IdLike] | XComArg | None = None,
        prefix: str | XComArg | None = None,
        on_missing: OnMissing = "ignore",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        literal_choice(on_missing, "on_missing", "ignore", "fail", "skip")
        known = is_literal(ids) and is_literal(prefix)
        if (ids is None and prefix is None) or (ids is not None and prefix is not None and known):
            raise InvalidRequest("fetch", "set exactly one of ids and prefix")
        self.ids = ids
        self.prefix = prefix
        self.on_missing = on_missing

    def read(self, hook: UpstashVectorHook, namespace: str) -> Sequence[FetchedVector | None]:
        """Fetch the vectors."""
        prefix = optional_text(self.prefix, "prefix")
        if prefix == "":
            raise InvalidRequest("prefix", "must not be empty, since every id starts with that")
        self._asked = _listed(self.ids)
        return hook.fetch(self._asked, namespace, prefix=prefix, **self.include)

    def outcomes(self, vectors: Sequence[FetchedVector | None]) -> Mapping[str, int]:
        """Return the numbers of known and unknown ids."""
        missing = vectors.count(None)
        return {"found": len(vectors) - missing, "missing": missing}

    def after_read(self, vectors: Sequence[FetchedVector | None], namespace: str) -> None:
        """Log the number of vectors; if any is missing, do what ``on_missing`` says."""
        place = place_of(namespace)
        missing = [id for id, vector in zip(self._asked or (), vectors, strict=False) if vector is None]
        self.log.info("%s fetched from %s.", plural(len(vectors) - len(missing), "vector"), place)
        if self._asked is None and len(vectors) == MAX_ITEMS:
            self.log.warning("More may have the prefix: the service returns at most %s.", f"{MAX_ITEMS:,}")
        if self._asked is None and not vectors:
            fail_or_skip(self.on_missing, f"There is no vector whose id starts with {self.prefix!r} in {place}.")
        if missing:
            first = ", ".join(repr(id) for id in missing[:_SHOWN_IDS])
            more = ", …" if len(missing) > _SHOWN_IDS else ""
            counts = f"{len(missing):,} of {plural(len(vectors), 'id')}"
            fail_or_skip(self.on_missing, f"There are no vectors for {counts} in {place}: {first}{more}.")


def _listed(ids: Any) -> list[str] | None:
    """Return rendered ids as a list."""
    if isinstance(ids, str) and ids.lstrip().startswith("["):
        ids = rendered_value(ids, "ids", _IDS)
    if ids is None:
        return None
    if isinstance(ids, Mapping | bytes):
        raise InvalidRequest("ids", f"must be {_IDS}, got {shown(ids)}")
    listed = [*ids] if isinstance(ids, Iterable) and not isinstance(ids, str) else [ids]
    return [vector_id(id, "ids") for id in listed]
