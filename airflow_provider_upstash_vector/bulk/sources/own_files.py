"""The files that a run writes itself, which must not be its input."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, local_path

log = logging.getLogger(__name__)

_SAME_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "az": "abfs", "abfss": "abfs", "adl": "abfs"}


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file that a run writes for ``argument``.

    If it is ``named``, its path is the argument's value, and any link to it is the same file. Other files are
    beside it; they are deleted or replaced unread, so the target of a link at their path is not changed.
    """

    argument: str
    path: OpenablePath
    named: bool = True

    def is_at(self, path: OpenablePath) -> bool:
        """Return whether writing this file would change what is read from ``path``."""
        here, there = local_path(self.path), local_path(path)
        if here is None or there is None:
            return here is there and _address(self.path) == _address(path)
        return _entry(here) in {_entry(there), os.path.realpath(there)} or (self.named and _same_file(here, there))

    def is_named_by(self, path: OpenablePath) -> bool:
        """Return whether ``path`` is the same directory entry, rather than another link to the file."""
        here, there = local_path(self.path), local_path(path)
        return here is None or there is None or _entry(here) == _entry(there)


class OwnFiles:
    """The files that a run writes; raises :class:`InvalidRows` if two arguments have the same file."""

    def __init__(self, *of_arguments: Sequence[OwnFile]) -> None:
        self._files = [*chain(*of_arguments)]
        for first, second in combinations(of_arguments, 2):
            _check_differ(first, second)

    def inputs(self, found: Sequence[OpenablePath], pattern: str | None) -> list[OpenablePath]:
        """Return the files of ``found`` that are not the run's own.

        Raises :class:`InvalidRows` for one that is, unless ``pattern`` has matched it under its own name.
        """
        inputs = []
        for path in found:
            own = next((file for file in self._files if file.is_at(path)), None)
            if own is None:
                inputs.append(path)
            elif pattern is None or not own.is_named_by(path):
                raise InvalidRows(
                    f"rows ({path}) and {_named(own)} are the same file; set {own.argument} to another path, or "
                    f"leave the file out of rows"
                )
            else:
                log.info("%s matches %s, which is not read: it is %s.", pattern, path, _named(own))
        if found and not inputs:
            raise InvalidRows(f"no file matches {pattern!r} except those that this run writes itself")
        return inputs


def _check_differ(first: Sequence[OwnFile], second: Sequence[OwnFile]) -> None:
    for one, other in product(first, second):
        if one.is_at(other.path) or other.is_at(one.path):
            raise InvalidRows(
                f"{_named(one)} and {_named(other)} are the same file; change the path of one of them"
            )


def _named(own: OwnFile) -> str:
    return f"{own.argument} ({own.path})" if own.named else f"a file beside {own.argument} ({own.path})"


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist yet
        return os.path.realpath(one) == os.path.realpath(other)


def _entry(path: Path) -> str:
    """Return the absolute path of a directory entry, be it a link itself."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - compared with realpath's text


def _address(path: Any) -> tuple[str, str]:
    """Return scheme and path in an object store; the connection in a URI only selects the credentials."""
    scheme = getattr(path, "protocol", "")
    scheme = getattr(path, "storage_options", {}).get("target_protocol", scheme)  # of a cache before it
    return _SAME_SCHEMES.get(scheme, scheme), str(getattr(path, "path", path))
