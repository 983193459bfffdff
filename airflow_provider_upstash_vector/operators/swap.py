"""The operators of blue and green: swap a namespace, roll back, expire the old ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import Context, XComArg

from airflow_provider_upstash_vector.client import wire
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base.arguments import is_literal, rendered_value
from airflow_provider_upstash_vector.operators.base.namespace_names import not_default
from airflow_provider_upstash_vector.operators.base.namespace_operator import NamespaceOperator


def _check_literal(build: Any, **names: object) -> None:
    """Raise ``InvalidRequest`` for names in the DAG file with which the call cannot be made."""
    literals = {field: name for field, name in names.items() if is_literal(name)}
    for field, name in literals.items():
        not_default(name, field)
    if literals.keys() == names.keys():
        build(**names)


class SwapNamespaceOperator(NamespaceOperator):
    """Let a replacement take the place of a namespace, which stays as ``<replacement>__previous``.

    Two renames; between them there is no namespace of that name. Without one to replace, the replacement is
    renamed. The names show how far a swap is, so a retry completes it. Returns ``namespace``, ``replacement`` and
    ``previous``, each also as an XCom of its own; ``previous`` is ``None`` if there was no namespace to replace.

    :param namespace: the namespace in use, not the default one; it is not taken from the connection.
    :param replacement: the namespace that takes its name. A name is used for one swap, so it has a timestamp.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    call = "swap_namespace"
    template_fields: Sequence[str] = ("namespace", "replacement", "upstash_vector_conn_id")

    def __init__(self, *, namespace: str | XComArg, replacement: str | XComArg, **kwargs: Any) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        _check_literal(wire.swap_namespace, namespace=namespace, replacement=replacement)
        self.namespace = namespace
        self.replacement = replacement

    def run_call(self, hook: UpstashVectorHook, context: Context) -> dict[str, str | None]:
        """Swap the namespaces, or complete that."""
        namespace, replacement = (
            not_default(self.namespace, "namespace"),
            not_default(self.replacement, "replacement"),
        )
        swap = hook.swap_namespace(namespace, replacement).model_dump()
        self.report(context, hook, "swapped", [name for name in swap.values() if name])
        if swap["previous"] is None:
            self.log.warning("There was no namespace %r to replace: %r is renamed to it.", namespace, replacement)
        else:
            self.log.info("%r is %r now; the one before is %r.", replacement, namespace, swap["previous"])
        return swap


class RollbackNamespaceOperator(NamespaceOperator):
    """Undo a swap: the previous namespace gets its name back, and what was in use that of the replacement.

    Nothing is deleted, and what is rolled back already stays so. The names show how far a rollback is, so a retry
    completes it. Returns ``namespace``, ``replacement`` and ``previous``, each also as an XCom of its own;
    ``replacement`` is ``None`` if there was no namespace in use.

    :param namespace: the namespace in use, not the default one; it is not taken from the connection.
    :param previous: the name that the swap has given to the previous namespace: ``swap.output["previous"]``.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    call = "rollback_namespace"
    template_fields: Sequence[str] = ("namespace", "previous", "upstash_vector_conn_id")

    def __init__(self, *, namespace: str | XComArg, previous: str | XComArg, **kwargs: Any) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        _check_literal(wire.rollback_namespace, namespace=namespace, previous=previous)
        self.namespace = namespace
        self.previous = previous

    def run_call(self, hook: UpstashVectorHook, context: Context) -> dict[str, str | None]:
        """Roll back, or complete that."""
        namespace, previous = not_default(self.namespace, "namespace"), not_default(self.previous, "previous")
        swap = hook.rollback_namespace(namespace, previous).model_dump()
        self.report(context, hook, "rolled_back", [name for name in swap.values() if name])
        self.log.info("%r is %r again; what was in use is %r.", previous, namespace, swap["replacement"])
        return swap


class ExpireNamespacesOperator(NamespaceOperator):
    """Delete the oldest namespaces with a timestamp in their names; return the deleted and the kept names.

    A timestamp is a date, or date and time, of ISO 8601, such as ``20261125T0300``; names without one never match.
    Of those that a swap has named ``…__previous``, the newest ``keep`` are kept, and of the others too, and both
    namespaces of a swap that is not complete. A retry deletes what is left.

    :param pattern: what the names begin with, and one ``*`` for the timestamp, such as ``movies__*``.
    :param keep: the number to keep, at least 1; it can be a template.
    :param dry_run: delete nothing; return the names that would be deleted.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    call = "expire_namespaces"
    template_fields: Sequence[str] = ("pattern", "keep", "upstash_vector_conn_id")

    def __init__(
        self,
        *,
        pattern: str | XComArg,
        keep: int | str | XComArg,
        dry_run: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        literal: Any = (
            pattern if is_literal(pattern.replace("*", "") if isinstance(pattern, str) else pattern) else "_*"
        )
        wire.expire_namespaces(literal, _number(keep) if is_literal(keep) else 1, dry_run=dry_run)
        self.pattern = pattern
        self.keep = keep
        self._dry_run = dry_run  # every Airflow operator has a method `dry_run`

    def run_call(self, hook: UpstashVectorHook, context: Context) -> dict[str, Any]:
        """Delete the namespaces, or only list them."""
        pattern: Any = self.pattern
        expired = hook.expire_namespaces(pattern, _number(self.keep), dry_run=self._dry_run)
        if not self._dry_run:
            self.report(context, hook, "deleted", expired.deleted)
        does = "Would delete" if self._dry_run else "Deleted"
        self.log.info("%s %s; kept %s.", does, _listed(expired.deleted), _listed(expired.kept))
        return expired.model_dump()


def _number(keep: object) -> Any:
    return rendered_value(keep, "keep", "a whole number")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "no namespace"
