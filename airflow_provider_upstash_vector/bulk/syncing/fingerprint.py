"""The fingerprint of a vector's content, which is kept in its metadata. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from airflow_provider_upstash_vector.client.models import SparseVector
from airflow_provider_upstash_vector.client.validation import data, float32

_BYTES = 16


class Fingerprints:
    """Hashes content together with ``config_version``, which changes when the embedding does.

    The content is the data, or, without data, the vectors as float32.
    """

    def __init__(self, config_version: str) -> None:
        self._begun = blake2b(digest_size=_BYTES)
        self._add(self._begun, config_version.encode())

    def of(self, content: Mapping[str, Any]) -> str:
        """Return the fingerprint of ``data``, or of ``vector`` and ``sparse_vector``."""
        digest = self._begun.copy()
        if content.get("data") is not None:
            digest.update(b"data")
            digest.update(data(content["data"]).encode())
            return digest.hexdigest()
        for name in ("vector", "sparse_vector"):
            if (value := content.get(name)) is not None:
                digest.update(name.encode())
                self._add(digest, _bytes_of(value) if name == "vector" else _sparse_bytes(value))
        return digest.hexdigest()

    @staticmethod
    def _add(digest: blake2b, part: bytes) -> None:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)


def _bytes_of(numbers: Any) -> bytes:
    content: bytes = (float32(numbers, "vector") + 0).tobytes()  # which makes -0.0 of them 0.0
    return content


def _sparse_bytes(sparse: Any) -> bytes:
    """Return indices and values in the order of the indices, in which it has no meaning."""
    checked = SparseVector.from_parts(sparse)
    pairs = sorted(zip(checked.indices, checked.values, strict=True))
    return repr([index for index, _ in pairs]).encode() + _bytes_of([value for _, value in pairs])
