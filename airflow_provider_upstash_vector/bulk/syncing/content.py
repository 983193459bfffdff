"""The rows of a sync's source: checked as they will be upserted, with their fingerprint."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from airflow_provider_upstash_vector.bulk.operations.base import Encoded
from airflow_provider_upstash_vector.bulk.operations.upsert import Upsert
from airflow_provider_upstash_vector.bulk.syncing.decision import Wanted
from airflow_provider_upstash_vector.bulk.syncing.fingerprint import Fingerprints
from airflow_provider_upstash_vector.bulk.syncing.join import Join
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions
from airflow_provider_upstash_vector.client import IndexInfo
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.metadata_json import metadata, metadata_json
from airflow_provider_upstash_vector.client.validation import dense_vector, shown


class SourceRow(NamedTuple):
    """A row that was read: what it is compared by, and its JSON as for an upsert."""

    id: str
    wanted: Wanted
    fragment: bytes


class SourceRows(Upsert):
    """Checks rows and returns their fingerprints. It is for reading: it never sends the rows that it encodes."""

    def __init__(self, options: SyncOptions, index: IndexInfo) -> None:
        embeds = options.embed is not None
        super().__init__(options.names, namespace=options.namespace, index=index, embeds=embeds)
        self._fingerprints = Fingerprints(options.config_version)
        self._rules = options.metadata_rules
        self._prefix = options.prefix
        self._last: SourceRow

    def read(self, number: int, row: object) -> SourceRow:
        """Return a row. Raises :class:`InvalidRequest`."""
        super().encode(row)
        return self._last._replace(wanted=self._last.wanted._replace(number=number))

    def _encoded(self, namespace: object, id: str, parts: dict[str, Any]) -> Encoded:
        if (vector := parts.get("vector")) is not None:
            parts = {**parts, "vector": dense_vector(vector)}  # for the fingerprint too
        encoded = super()._encoded(namespace, id, parts)
        if encoded.namespace != self._namespace:
            reason = f"is {shown(encoded.namespace)}, but the sync is of {self._namespace!r}"
            raise InvalidRequest("namespace", reason)
        if self._prefix is not None and not id.startswith(self._prefix):
            raise InvalidRequest(
                "id", f"does not start with {self._prefix!r}, so it is outside of the sync's scope"
            )
        plain = metadata(parts.get("metadata") or {})
        key = self._rules.fingerprint_key
        if key in plain:
            reason = f"has the key {key!r} of the fingerprint: leave it out, or set another fingerprint_key"
            raise InvalidRequest("metadata", reason)
        fingerprint = self._fingerprints.of(parts)
        metadata_json({**plain, key: fingerprint})  # with which it must not be too large
        wanted = Wanted(0, fingerprint, self._rules.compared(plain), parts.get("data") is not None)
        self._last = SourceRow(id, wanted, encoded.fragment)
        return encoded


class CollectedRows(SourceRows):
    """Adds each row to the join, also as JSON if it ``spools``: the source can be read only once."""

    def __init__(self, options: SyncOptions, index: IndexInfo, join: Join, *, spools: bool) -> None:
        super().__init__(options, index)
        self._join = join
        self._spools = spools
        self._next = 0

    def encode(self, row: object) -> Encoded:
        """Return the row encoded. Raises :class:`InvalidRequest`."""
        number = self._next
        self._next += 1
        read = self.read(number, row)
        # outside of what makes an error of any kind one of the row: the disk may be full
        self._join.add(read.id, read.wanted, read.fragment if self._spools else None)
        return Encoded(self._namespace, read.id, "", read.fragment)


def row_of(fragment: bytes) -> dict[str, Any]:
    """Return a row for an upsert, by the rows' own names, from its JSON."""
    fields: dict[str, Any] = orjson.loads(bytes(fragment))  # it takes no subclass
    if "sparseVector" in fields:
        fields["sparse_vector"] = fields.pop("sparseVector")
    return fields
