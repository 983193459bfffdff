"""URIs of object stores, opened through Airflow: any scheme that an installed provider brings."""

from __future__ import annotations

from collections.abc import Sequence
from glob import has_magic
from typing import cast

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_upstash_vector.bulk.sources import InvalidRows, local_paths
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath


def object_paths(uri: str) -> Sequence[OpenablePath]:
    """Return the files that a path or URI names, or its wildcards match, in order of name.

    ``s3://conn_id@bucket/key`` names the Airflow connection too. Raises :class:`InvalidRows` for a scheme that no
    installed provider reads.
    """
    if "://" not in uri or uri.startswith("file://"):  # the same, but a checkpoint there is replaced as a whole
        return local_paths(uri)
    folder, wildcards = _split(uri)
    try:
        path = ObjectStoragePath(folder)
        path.fs  # noqa: B018 - looks the scheme up
    except ValueError:
        scheme = uri.partition("://")[0]
        raise InvalidRows(f"{uri!r}: no installed provider reads {scheme}://") from None
    if not wildcards:
        return [cast("OpenablePath", path)]
    found = sorted(path.glob(wildcards), key=str)
    return [cast("OpenablePath", file) for file in found if file.is_file()]


def _split(uri: str) -> tuple[str, str]:
    """Return the part of a URI before the first segment with a wildcard, and the rest."""
    segments = uri.split("/")
    for position, segment in enumerate(segments[3:], start=3):
        if has_magic(segment):
            return "/".join(segments[:position]) + "/", "/".join(segments[position:])
    return uri, ""
