"""What a sync does with one vector. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import IntEnum
from typing import Any, NamedTuple, cast

from airflow_provider_upstash_vector.bulk.syncing.metadata import TOO_DEEP, digest_of, merge_patch, without
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.metadata_json import metadata_json


class Action(IntEnum):
    """What is done with a vector; a ``DELETED`` one is in no row of the source."""

    UNCHANGED = 0
    ADDED = 1
    CHANGED = 2
    METADATA_ONLY = 3
    ADOPTED = 4
    DELETED = 5

    @property
    def key(self) -> str:
        """The name of its count."""
        return self.name.lower()


class Wanted(NamedTuple):
    """A row of the source: its fingerprint, the digest of its metadata, and whether it has data."""

    number: int
    fingerprint: str
    metadata_digest: bytes
    has_data: bool


class Stored(NamedTuple):
    """A stored vector: the fingerprint in its metadata, and the digest of the others.

    ``content`` is the fingerprint of its content as it is stored, ``None`` if that was not read.
    """

    fingerprint: str | None
    metadata_digest: bytes
    content: str | None


def decide(wanted: Wanted, stored: Stored) -> Action:
    """Return the action for a vector that is in the source and in the index.

    What cannot be compared counts as changed: without fingerprint and content, or with metadata nested too deeply.
    """
    known = [value for value in (stored.fingerprint, stored.content) if value is not None]
    if not known or stored.metadata_digest == TOO_DEEP or any(value != wanted.fingerprint for value in known):
        return Action.CHANGED
    if stored.metadata_digest != wanted.metadata_digest:
        return Action.METADATA_ONLY
    return Action.ADOPTED if stored.fingerprint is None else Action.UNCHANGED


class MetadataRules(NamedTuple):
    """Which metadata a sync writes: ``fingerprint_key`` holds the fingerprint, ``kept`` keys are left alone."""

    fingerprint_key: str
    kept: Collection[str]

    def compared(self, metadata: Mapping[str, Any]) -> bytes:
        """Return the digest of the metadata that rows and stored vectors are compared by."""
        return digest_of(without(metadata, [self.fingerprint_key, *self.kept]))

    def fingerprint(self, metadata: Mapping[str, Any]) -> str | None:
        """Return the fingerprint in stored metadata."""
        value = metadata.get(self.fingerprint_key)
        return value if isinstance(value, str) else None

    def upserted(
        self, metadata: Mapping[str, Any], stored: Mapping[str, Any] | None, fingerprint: str
    ) -> dict[str, Any]:
        """Return the whole metadata of a row, with the kept keys of the stored vector that it replaces, if any."""
        if stored is not None:
            kept = {name: stored[name] for name in self.kept if name in stored}
            metadata = {**without(metadata, self.kept), **kept}
        return {**metadata, self.fingerprint_key: fingerprint}

    def updated(
        self, metadata: Mapping[str, Any], stored: Mapping[str, Any], fingerprint: str
    ) -> tuple[str, dict[str, Any]]:
        """Return the mode and the metadata of an update to those of a row.

        A patch does not touch the kept keys, so that no change of theirs is lost, whenever it is made. What a
        patch cannot do takes an overwrite: to set null, or to be larger than metadata may be.
        """
        whole = self.upserted(metadata, stored, fingerprint)
        patch = merge_patch(without(stored, self.kept), without(whole, self.kept))
        try:
            metadata_json(patch, patch=True)
        except InvalidRequest:
            return "OVERWRITE", whole
        return "PATCH", cast("dict[str, Any]", patch)
