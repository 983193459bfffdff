"""The operators of namespaces: list, reset, delete, rename.

A delete and a rename must not be sent twice. So they list the namespaces before they send, and again after an
error with which the request may have been applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import Context, XComArg

from airflow_provider_upstash_vector.airflow_errors import fail_or_skip
from airflow_provider_upstash_vector.bulk.operations.update import OnMissing
from airflow_provider_upstash_vector.client.errors import (
    InvalidRequest,
    InvalidResponse,
    NotFound,
    ResponseLost,
    ResponseTimeout,
    ServerError,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.validation import flag
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base.arguments import is_literal, literal_choice
from airflow_provider_upstash_vector.operators.base.namespace_names import (
    different,
    is_renamed,
    named,
    not_default,
)
from airflow_provider_upstash_vector.operators.base.namespace_operator import NamespaceOperator

# The request may have been applied.
_UNCERTAIN = (ResponseLost, ResponseTimeout, ServerError, InvalidResponse)


def _names_after(hook: UpstashVectorHook, error: UpstashVectorError) -> list[str]:
    """Return the namespaces after an error, which is raised if they cannot be listed."""
    try:
        return hook.list_namespaces()
    except UpstashVectorError:
        raise error from None


def _is_retry(context: Context) -> bool:
    return getattr(context.get("ti"), "try_number", 1) > 1


class ListNamespacesOperator(NamespaceOperator):
    """Return the names of all namespaces, e.g. for ``.expand(namespace=...)``; ``""`` is the default one.

    The read-only token is enough.

    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    call = "list_namespaces"
    template_fields: Sequence[str] = ("upstash_vector_conn_id",)

    def run_call(self, hook: UpstashVectorHook, context: Context) -> list[str]:  # noqa: ARG002 - others need it
        """List the namespaces."""
        names = hook.list_namespaces()
        self.log.info("%s namespaces, with the default one.", f"{len(names):,}")
        return names


class ResetNamespaceOperator(NamespaceOperator):
    """Delete all vectors of a namespace, or of every one; return the namespaces. They remain, without vectors.

    A retry resets them again, with what was written in between.

    :param namespace: the namespace, ``""``, which no template may render to, for the index's default one; it is
        not taken from the connection.
    :param reset_all: ``True`` in place of ``namespace``, to delete every vector of the index.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    call = "reset"

    def __init__(self, *, namespace: str | XComArg | None = None, reset_all: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if flag(reset_all, "reset_all") == (namespace is not None):
            raise InvalidRequest("namespace", 'set either namespace ("" for the default one) or reset_all=True')
        if not reset_all and is_literal(namespace):
            named(namespace, "namespace")
        self._is_template = isinstance(namespace, str) and not is_literal(namespace)
        self.namespace = namespace
        self.reset_all = reset_all

    def run_call(self, hook: UpstashVectorHook, context: Context) -> list[str]:
        """Reset what is asked for."""
        if self.reset_all:
            names = hook.list_namespaces()
            hook.reset(all=True)
        else:
            names = [named(self.namespace, "namespace")]
            if self._is_template and not names[0]:
                reason = "its template rendered to an empty text, which is the default namespace"
                raise InvalidRequest("namespace", f'{reason}: to reset that, write namespace=""')
            hook.reset(names[0])
        self.report(context, hook, "reset", names)
        self.log.info("Deleted the vectors of %s.", "all namespaces" if self.reset_all else repr(names[0]))
        return names


class DeleteNamespaceOperator(NamespaceOperator):
    """Delete a namespace with its vectors; return whether it was there.

    After a lost response, and when the task is retried, a namespace that is gone is one that was deleted.

    :param namespace: the namespace, which must not be the default one; it is not taken from the connection.
    :param if_missing: what to do if it does not exist: ``"fail"``, ``"ignore"`` it and return ``False``, or
        ``"skip"`` the task.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    call = "delete_namespace"

    def __init__(self, *, namespace: str | XComArg, if_missing: OnMissing = "fail", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        literal_choice(if_missing, "if_missing", "ignore", "fail", "skip")
        if is_literal(namespace):
            not_default(namespace, "namespace")
        self.namespace = namespace
        self.if_missing = if_missing

    def run_call(self, hook: UpstashVectorHook, context: Context) -> bool:
        """Delete the namespace unless it is gone."""
        name = not_default(self.namespace, "namespace")
        if name not in hook.list_namespaces():
            if not _is_retry(context):
                message = f"There is no namespace {name!r}; nothing was deleted."
                fail_or_skip(self.if_missing, message)
                return False
            self.log.info("The namespace %r is gone; an earlier try may have deleted it.", name)
        else:
            try:
                hook.delete_namespace(name)
            except (NotFound, *_UNCERTAIN) as error:
                if name in _names_after(hook, error):
                    raise
                self.log.info("The namespace %r is gone in spite of the error: %s", name, error)
        self.report(context, hook, "deleted", [name])
        self.log.info("Deleted the namespace %r.", name)
        return True


class RenameNamespaceOperator(NamespaceOperator):
    """Rename a namespace; return its new name.

    After a lost response, and when the task is retried, it is renamed if there is the new name and not the old
    one: nothing should write to either namespace meanwhile.

    :param namespace: the namespace, which must not be the default one; it is not taken from the connection.
    :param new_namespace: the new name.
    :param delete_existing: if there is a namespace with the new name, delete it first; by default that fails.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    call = "rename_namespace"
    template_fields: Sequence[str] = ("namespace", "new_namespace", "upstash_vector_conn_id")

    def __init__(
        self,
        *,
        namespace: str | XComArg,
        new_namespace: str | XComArg,
        delete_existing: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if is_literal(namespace) and is_literal(new_namespace):
            different(namespace, new_namespace)
        for field, value in (("namespace", namespace), ("new_namespace", new_namespace)):
            if is_literal(value):
                not_default(value, field)
        self.namespace = namespace
        self.new_namespace = new_namespace
        self.delete_existing = flag(delete_existing, "delete_existing")

    def run_call(self, hook: UpstashVectorHook, context: Context) -> str:
        """Rename the namespace unless that is done."""
        namespace, new_namespace = different(self.namespace, self.new_namespace)

        def is_done(names: list[str], *, sent_before: bool) -> bool:
            return is_renamed(
                names, namespace, new_namespace, delete_existing=self.delete_existing, sent_before=sent_before
            )

        if is_done(hook.list_namespaces(), sent_before=_is_retry(context)):
            self.log.info("The namespace %r is gone; an earlier try has renamed it.", namespace)
        else:
            try:
                if not hook.rename_namespace(namespace, new_namespace, delete_existing=self.delete_existing):
                    reason = f"was not renamed: {namespace!r} is gone, or there is {new_namespace!r} by now"
                    raise InvalidRequest("namespace", reason)
            except _UNCERTAIN as error:
                if not is_done(_names_after(hook, error), sent_before=True):
                    raise
                self.log.info("%r is renamed in spite of the error: %s", namespace, error)
        self.report(context, hook, "renamed", [namespace, new_namespace])
        self.log.info("Renamed the namespace %r to %r.", namespace, new_namespace)
        return new_namespace
