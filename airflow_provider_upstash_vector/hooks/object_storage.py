"""Files of object stores, through Airflow: any scheme that an installed provider supports."""

from __future__ import annotations

from collections.abc import Sequence
from glob import has_magic
from typing import cast

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_upstash_vector.bulk.sources import InvalidRows, local_paths
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath


def object_paths(uri: str) -> Sequence[OpenablePath]:
    """Return the file of a path or URI, or the files that its wildcards match, in order of name.

    ``s3://conn_id@bucket/key`` selects the Airflow connection. Raises :class:`InvalidRows` if no installed
    provider supports the scheme.
    """
    if "://" not in uri or uri.startswith("file://"):  # local, so that a checkpoint is replaced atomically
        return local_paths(uri)
    folder, wildcards = _split(uri)
    try:
        path = ObjectStoragePath(folder)
        path.fs  # noqa: B018 - resolves the scheme
    except ValueError:
        scheme = uri.partition("://")[0]
        raise InvalidRows(f"{uri!r}: no installed provider supports {scheme}://") from None
    if not wildcards:
        return [cast("OpenablePath", path)]
    matches = sorted(path.glob(wildcards), key=str)
    return [cast("OpenablePath", match) for match in matches if match.is_file()]


def _split(uri: str) -> tuple[str, str]:
    """Return the part of a URI before the first segment with a wildcard, and the rest."""
    segments = uri.split("/")
    for position, segment in enumerate(segments[3:], start=3):
        if has_magic(segment):
            return "/".join(segments[:position]) + "/", "/".join(segments[position:])
    return uri, ""
