"""Swaps of namespaces: another namespace takes the name in use. Pure.

The names alone show how far a swap is, and none is ever deleted. So a request may be sent twice, and a swap that
was interrupted is completed by the next one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from airflow_provider_upstash_vector.client.errors import InvalidRequest, InvalidResponse, UpstashVectorError
from airflow_provider_upstash_vector.client.models import NamespaceSwap
from airflow_provider_upstash_vector.client.validation import identifier
from airflow_provider_upstash_vector.client.wire.call import CallSequence
from airflow_provider_upstash_vector.client.wire.namespaces import list_namespaces, rename_call

PREVIOUS_SUFFIX = "__previous"


class Rename(NamedTuple):
    """A rename, which is refused if there is a namespace with the new name."""

    namespace: str
    new_namespace: str


@dataclass(frozen=True, slots=True)
class Swap:
    """``namespace`` gets the name ``outgoing``, then ``incoming`` the name ``namespace``."""

    namespace: str
    incoming: str
    outgoing: str

    def next_rename(self, names: Collection[str], sent: Rename | None = None) -> Rename | None:
        """Return the next step, or ``None`` if the swap is complete.

        ``sent`` is the last rename that this swap has sent: without ``outgoing`` the names do not show whether it
        was applied. Raises ``InvalidRequest`` if the names are those of no step.
        """
        in_use, incoming, outgoing = (name in names for name in (self.namespace, self.incoming, self.outgoing))
        second = Rename(self.incoming, self.namespace)
        if incoming and not in_use:  # also if there is nothing to put aside
            return second
        if incoming and not outgoing:
            return Rename(self.namespace, self.outgoing)
        if in_use and not incoming and (outgoing or sent == second):
            return None
        raise InvalidRequest("namespace", f"nothing was renamed: {self._conflict(incoming=incoming, names=names)}")

    def _conflict(self, *, incoming: bool, names: Collection[str]) -> str:
        if incoming:
            return (
                f"there are {self.namespace!r}, {self.incoming!r} and {self.outgoing!r}; one was written again "
                "during the swap or after it: delete or rename that one"
            )
        if self.outgoing in names:
            reason = f"there is neither {self.namespace!r} nor {self.incoming!r}"
            return f"{reason}: rename {self.outgoing!r} to {self.namespace!r} to have it back"
        return (
            f"there is neither {self.incoming!r} nor {self.outgoing!r}: check the names; if an earlier try had no "
            f"{self.namespace!r} to replace, it may have renamed {self.incoming!r} already"
        )


def swap_namespace(namespace: str, replacement: str) -> CallSequence[NamespaceSwap]:
    """Rename a namespace to ``<replacement>__previous``, and its replacement to its name; return the names.

    Between the renames there is no namespace of that name. If there is none before, the replacement is renamed,
    and ``previous`` is ``None``. The names show how far a swap is: after any error, the same call completes it.
    """
    namespace = _name(namespace, "namespace")
    replacement = _name(replacement, "replacement")
    if replacement.endswith(PREVIOUS_SUFFIX):
        reason = f"must not end with {PREVIOUS_SUFFIX}, got {replacement!r}: to bring it back, roll back"
        raise InvalidRequest("replacement", reason)
    previous = replacement + PREVIOUS_SUFFIX
    return _swap(Swap(namespace, replacement, previous), "replacement", "previous")


def rollback_namespace(namespace: str, previous: str) -> CallSequence[NamespaceSwap]:
    """Undo a swap: what is in use gets the name of the replacement back, and ``previous`` that of the namespace.

    Complete and half-done swaps are undone; if that is done, nothing is renamed. If there is no namespace in use,
    the previous one is renamed, and ``replacement`` is ``None``. After any error, the same call completes it.
    """
    namespace = _name(namespace, "namespace")
    previous = _name(previous, "previous")
    replacement = previous.removesuffix(PREVIOUS_SUFFIX)
    if replacement in {"", previous}:
        reason = f"must be a name that a swap has given, <replacement>{PREVIOUS_SUFFIX}, got {previous!r}"
        raise InvalidRequest("previous", reason)
    return _swap(Swap(namespace, previous, replacement), "previous", "replacement")


def _name(value: object, field: str) -> str:
    name = identifier(value, field)
    if not name:
        raise InvalidRequest(field, "must not be empty: the default namespace cannot be renamed")
    if name != name.strip():  # as of a template: a name that is not there would be a first deployment
        raise InvalidRequest(field, f"must not begin or end with a space or a line break, got {name!r}")
    return name


def _swap(swap: Swap, incoming: str, outgoing: str) -> CallSequence[NamespaceSwap]:
    if swap.namespace in {swap.incoming, swap.outgoing}:
        reason = f"must be of another namespace than {swap.namespace!r}, got {swap.incoming!r}"
        raise InvalidRequest(incoming, reason)
    return _names(swap, incoming, outgoing)


def _names(swap: Swap, incoming: str, outgoing: str) -> CallSequence[NamespaceSwap]:
    try:
        names = yield from _renamed(swap)
    except UpstashVectorError as error:
        if error.call is None:  # it is not that of a request
            call = "swap_namespace" if incoming == "replacement" else "rollback_namespace"
            error.add_context(call=call, namespace=swap.namespace, id=None, attempts=0)
        raise
    left = swap.outgoing if swap.outgoing in names else None
    return NamespaceSwap(namespace=swap.namespace, **{incoming: swap.incoming, outgoing: left})


def _renamed(swap: Swap) -> CallSequence[Collection[str]]:
    """Send what is missing of the swap; return the names after it."""
    names = {*(yield list_namespaces())}
    sent: Rename | None = None
    while rename := swap.next_rename(names, sent):
        sent = rename
        error: UpstashVectorError = InvalidResponse(
            f"{rename.namespace!r} was not renamed to {rename.new_namespace!r}, although there is only the former"
        )
        renamed = False
        try:
            renamed = yield rename_call(*rename, idempotent=True)
        except UpstashVectorError as failure:
            error = failure
        if renamed:  # the list would only make the gap longer
            names = names - {rename.namespace} | {rename.new_namespace}
            continue
        try:
            names = {*(yield list_namespaces())}
        except UpstashVectorError:
            raise error from None
        if swap.next_rename(names, sent) == rename:
            raise error
    return names
