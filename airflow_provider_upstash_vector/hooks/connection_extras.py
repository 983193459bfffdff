"""The extras of an Airflow connection, with errors for invalid JSON and for keys that look like typos."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.provider_info import CONNECTION_FIELDS

log = logging.getLogger(__name__)

# Airflow 2 passes extras of the form under both names to the Test button.
_FORM_PREFIX = "extra__upstash_vector__"


class ConnectionWithExtras(Protocol):
    """The part of Airflow's ``Connection`` that this module uses."""

    conn_id: str
    extra: str | None

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The extras, ``{}`` if they are not valid JSON; reading them masks the secrets in them."""


def read_extras(connection: ConnectionWithExtras) -> dict[str, Any]:
    """Return the known extras that are set. Warns once about unknown ones; raises :class:`InvalidEndpoint`."""
    values = _json_object(connection)
    # Forms submit every field, as null if it is empty.
    named = {str(name): value for name, value in values.items() if value is not None}
    prefixed = {name for name in named if name.startswith(_FORM_PREFIX)}
    extras = {name.removeprefix(_FORM_PREFIX): named[name] for name in prefixed}
    extras |= {name: named[name] for name in named.keys() - prefixed}
    unknown = sorted(extras.keys() - CONNECTION_FIELDS.keys())
    for name in unknown:
        _reject_misspelled(name)
    if unknown:
        _warn_once(connection.conn_id, tuple(unknown))
    return {name: value for name, value in extras.items() if name in CONNECTION_FIELDS}


def _json_object(connection: ConnectionWithExtras) -> Mapping[str, Any]:
    text = (connection.extra or "").strip()
    if not text:
        return {}
    try:
        json.loads(text)
    except ValueError as error:
        place = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidEndpoint(
            f'The extras are not valid JSON{place}: write {{"namespace": "..."}} or leave them empty.'
        ) from None
    extras: object = connection.extra_dejson
    if not isinstance(extras, Mapping):
        raise InvalidEndpoint('The extras are not a JSON object: write {"namespace": "..."} or leave them empty.')
    return extras


def _reject_misspelled(name: str) -> None:
    plain = name.strip().casefold().replace("-", "_")
    for known in CONNECTION_FIELDS:
        if _one_letter_apart(plain, known) or plain.replace("_", "") == known.replace("_", ""):
            raise InvalidEndpoint(f'The extra "{name}" is unknown: write "{known}" instead.')


def _one_letter_apart(first: str, second: str) -> bool:
    """Return whether the texts differ by one letter inserted, deleted or replaced, or by two swapped."""
    if first == second:
        return True
    start = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    if start is None:
        return abs(len(first) - len(second)) == 1
    left, right = first[start:], second[start:]
    swapped = left[:2] == right[:2][::-1] and left[2:] == right[2:]
    return swapped or left[1:] in {right[1:], right} or left == right[1:]


@lru_cache(maxsize=1_000)
def _warn_once(conn_id: str, unknown: tuple[str, ...]) -> None:
    log.warning(
        "The connection %r has unknown extras, which have no effect: %s. Known extras are %s.",
        conn_id,
        ", ".join(unknown),
        ", ".join(CONNECTION_FIELDS),
    )
