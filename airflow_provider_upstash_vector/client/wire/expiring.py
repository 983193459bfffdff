"""Deletes of namespaces by age: which of them are old is decided by the timestamps in their names. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta, timezone

from airflow_provider_upstash_vector.client.errors import InvalidRequest, NotFound
from airflow_provider_upstash_vector.client.models import ExpiredNamespaces
from airflow_provider_upstash_vector.client.validation import flag, text, whole_number
from airflow_provider_upstash_vector.client.wire.call import CallSequence
from airflow_provider_upstash_vector.client.wire.namespaces import delete_call, list_namespaces
from airflow_provider_upstash_vector.client.wire.swapping import PREVIOUS_SUFFIX

_MAX_KEEP = 10_000  # namespaces of an index
# ISO 8601, basic or extended: what Airflow's ds, ts and their variants render to
_TIMESTAMP = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:T([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:\.([0-9]{1,6}))?)?(?:Z|([+-])([0-9]{2}):?([0-9]{2}))?)?"
)


def expire_namespaces(pattern: str, keep: int, *, dry_run: bool = False) -> CallSequence[ExpiredNamespaces]:
    """Delete the oldest namespaces whose names match the pattern; return the deleted and the kept ones.

    Of those that a swap has named ``<replacement>__previous``, the newest ``keep`` are kept, and of the others
    too. Both namespaces of a swap that is not complete are kept. Safe to send again.
    """
    prefix = pattern_prefix(pattern)
    return _expire(prefix, whole_number(keep, "keep", _MAX_KEEP), dry_run=flag(dry_run, "dry_run"))


def pattern_prefix(pattern: object) -> str:
    """Return what the names begin with. Raises ``InvalidRequest`` if the pattern is not a prefix and one ``*``."""
    checked = text(pattern, "pattern")
    if len(checked) < 2 or checked.find("*") != len(checked) - 1:
        reason = f"must be what the names begin with, and one * at its end, such as movies__*; got {checked!r}"
        raise InvalidRequest("pattern", reason)
    return checked[:-1]


def timestamp(value: str) -> datetime | None:
    """Return a date, or a date and time, of ISO 8601, in UTC without an offset; ``None`` for other texts."""
    match = _TIMESTAMP.fullmatch(value)
    if not match:
        return None
    *parts, fraction, sign, hours, minutes = match.groups(default="0")
    year, month, day, hour, minute, second = map(int, parts)
    with suppress(ValueError, OverflowError):  # there is no such day, hour or offset
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        moment = datetime(year, month, day, hour, minute, second, int(fraction.ljust(6, "0")), timezone(offset))
        return moment.astimezone(timezone.utc)
    return None


def to_expire(names: Collection[str], prefix: str, keep: int) -> ExpiredNamespaces:
    """Return the names that begin with ``prefix`` and a timestamp: those to be deleted and those to be kept."""
    dated = []
    for name in names:
        moment = timestamp(name.removeprefix(prefix).removesuffix(PREVIOUS_SUFFIX))
        if moment is not None and name.startswith(prefix):
            dated.append((moment, name))
    dated.sort()
    previous = [name for _, name in dated if name.endswith(PREVIOUS_SUFFIX)]
    others = [name for _, name in dated if not name.endswith(PREVIOUS_SUFFIX)]
    swapping = {name for name in others if name + PREVIOUS_SUFFIX in previous}
    swapping |= {name + PREVIOUS_SUFFIX for name in swapping}
    deleted = {*previous[:-keep], *others[:-keep]} - swapping
    ordered = [name for _, name in dated]
    return ExpiredNamespaces(
        deleted=[name for name in ordered if name in deleted],
        kept=[name for name in ordered if name not in deleted],
    )


def _expire(prefix: str, keep: int, *, dry_run: bool) -> CallSequence[ExpiredNamespaces]:
    expired = to_expire((yield list_namespaces()), prefix, keep)
    if dry_run:
        return expired.model_copy(update={"dry_run": True})
    for name in expired.deleted:
        with suppress(NotFound):  # an earlier request or another task has deleted it
            yield delete_call(name, idempotent=True)
    return expired
