"""The hook: the calls of the client, with an Airflow connection."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from airflow_provider_upstash_vector.client import wire
from airflow_provider_upstash_vector.client.base import RequestStats
from airflow_provider_upstash_vector.client.credentials import Credentials
from airflow_provider_upstash_vector.client.errors import InvalidRequest, UpstashVectorError
from airflow_provider_upstash_vector.client.models import Endpoint, NumbersLike, SparseLike, VectorUpdate
from airflow_provider_upstash_vector.client.parameter_help import PARAMETER_HELP
from airflow_provider_upstash_vector.client.sync_client import VectorClient
from airflow_provider_upstash_vector.client.validation import IdLike
from airflow_provider_upstash_vector.hooks import connection_form
from airflow_provider_upstash_vector.hooks.bulk_runs import BulkRunsMixin
from airflow_provider_upstash_vector.hooks.connection_settings import (
    ConnectionSettings,
    naming_connection,
    read_connection,
)
from airflow_provider_upstash_vector.provider_info import CONN_TYPE

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_provider_upstash_vector.bulk import CancelToken

__all__ = ["UpstashVectorHook"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_NAMESPACE_TEXT = f":param namespace: {PARAMETER_HELP['namespace']}"
_NAMESPACE_DEFAULT = ", by default that of the connection; an empty text for the index's default one"
_NOT_COPIED = {"_client", "credentials", "settings", "_log"}  # _log: Airflow's, which not every version can pickle


def _on_connection(
    method: Callable[Concatenate[VectorClient, _P], _T],
) -> Callable[Concatenate[UpstashVectorHook, _P], _T]:
    """Return a client method as a hook method, with the connection's namespace as the default."""
    signature = inspect.signature(method)
    has_default = "namespace" in signature.parameters and signature.parameters["namespace"].default is None

    def hook_method(self: UpstashVectorHook, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        call = signature.bind(self.get_conn(), *args, **kwargs)
        if has_default:
            call.arguments["namespace"] = self.resolve_namespace(call.arguments.get("namespace"))
        return method(*call.args, **call.kwargs)

    hook_method.__name__, hook_method.__doc__ = method.__name__, method.__doc__
    if has_default and method.__doc__:
        hook_method.__doc__ = method.__doc__.replace(_NAMESPACE_TEXT, _NAMESPACE_TEXT + _NAMESPACE_DEFAULT)
    hook_method.__annotations__ = method.__annotations__
    hook_method.__signature__ = signature  # type: ignore[attr-defined]  # functions take any attribute
    return hook_method


class _ConnectionClient(VectorClient):
    """A client whose errors name the connection."""

    conn_id = ""

    def run(self, request: wire.Call[_T] | wire.CallSequence[_T]) -> _T:
        """Send a call or a sequence, as :meth:`VectorClient.run`."""
        with naming_connection(self.conn_id):
            return super().run(request)


class UpstashVectorHook(BulkRunsMixin):
    """Calls the Upstash Vector index of an Airflow connection.

    The connection's host is the REST URL, its password the REST token; extras are ``namespace`` (the default of
    calls), ``timeout`` (seconds for one request), ``max_attempts`` and ``allow_http``. In every call
    ``namespace=None`` means that of the connection, ``namespace=""`` the index's default one.

    ``cancel_token`` cancels calls at once, e.g. in ``on_kill`` of an operator.

    Calls raise :class:`~airflow_provider_upstash_vector.client.errors.UpstashVectorError`. Close the hook, or
    use it as a context manager.
    """

    conn_name_attr = "upstash_vector_conn_id"
    default_conn_name = "upstash_vector_default"
    conn_type = CONN_TYPE
    hook_name = "Upstash Vector"

    def __init__(
        self, upstash_vector_conn_id: str = default_conn_name, *, cancel_token: CancelToken | None = None
    ) -> None:
        super().__init__()
        self.upstash_vector_conn_id = upstash_vector_conn_id
        self._cancel_token = cancel_token
        self._client: VectorClient | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or pickle has: neither the client nor the connection's settings, so no secret."""
        return {name: value for name, value in vars(self).items() if name not in _NOT_COPIED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _client=None)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the fields of the connection form (Airflow before 3.2)."""
        return connection_form.widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return hidden fields, labels and placeholders of the connection form (Airflow before 3.2)."""
        return connection_form.field_behaviour()

    @cached_property
    def settings(self) -> ConnectionSettings:
        """The settings of the connection, read once. Raises ``InvalidEndpoint`` if they are invalid."""
        with naming_connection(self.upstash_vector_conn_id):
            return read_connection(self.get_connection(self.upstash_vector_conn_id))

    @cached_property
    def credentials(self) -> Credentials:
        """The endpoint of the connection, for all clients of the hook; a rotated token is read again."""
        return Credentials(self.settings.endpoint, self._read_endpoint)

    def _read_endpoint(self) -> Endpoint:
        return read_connection(self.get_connection(self.upstash_vector_conn_id)).endpoint

    def get_conn(self) -> VectorClient:
        """Return the sync client, created on first use and closed with the hook."""
        if self._client is None:
            self._client = _ConnectionClient(
                self.credentials, policy=self.settings.policy, cancel_token=self._cancel_token
            )
            self._client.conn_id = self.upstash_vector_conn_id
        return self._client

    @property
    def request_stats(self) -> RequestStats:
        """The request counts of the open client."""
        return self._client.request_stats if self._client else RequestStats()

    def asset(self, namespace: str | None = None) -> Any:
        """Return the asset of a namespace; for use in tasks, since it reads the connection.

        In a DAG file use :func:`~airflow_provider_upstash_vector.assets.upstash_vector.upstash_vector_asset`.
        """
        from airflow_provider_upstash_vector.assets.upstash_vector import create_asset  # noqa: PLC0415 - as below

        return create_asset(host=self.settings.endpoint.url, namespace=self.resolve_namespace(namespace))

    def resolve_namespace(self, namespace: str | None) -> str:
        """Return ``namespace``, or the connection's if it is ``None``."""
        return self.settings.namespace if namespace is None else namespace

    def update(
        self,
        id: IdLike,
        *,
        vector: NumbersLike | None = None,
        sparse_vector: SparseLike | None = None,
        data: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        metadata_update_mode: str | None = None,
        namespace: str | None = None,
    ) -> int:
        """Update the given fields of one vector; return 1 if it exists, else 0.

        Arguments are those of :class:`~airflow_provider_upstash_vector.client.VectorUpdate`. Raises
        ``InvalidRequest`` before anything is sent.

        :param id: the id of the vector.
        :param vector: a list of numbers, one for each dimension of the index.
        :param sparse_vector: an object with indices and values, lists of the same length.
        :param data: the raw text, which an index with an embedding model embeds again.
        :param metadata: an object; under ``PATCH``, ``None`` in it deletes a field.
        :param metadata_update_mode: ``OVERWRITE``, which replaces all metadata, or ``PATCH``, which merges them.
        :param namespace: the namespace, by default that of the connection.
        """
        target = self.resolve_namespace(namespace)
        try:
            change = VectorUpdate(
                id=id,
                vector=vector,
                sparse_vector=sparse_vector,
                data=data,
                metadata=metadata,
                metadata_update_mode=metadata_update_mode,
            )
        except InvalidRequest as error:
            error.add_context(call="update", namespace=target, id=str(id), attempts=0)
            raise
        return self.get_conn().update(change, target)

    upsert = _on_connection(VectorClient.upsert)
    upsert_data = _on_connection(VectorClient.upsert_data)
    query = _on_connection(VectorClient.query)
    query_data = _on_connection(VectorClient.query_data)
    query_many = _on_connection(VectorClient.query_many)
    resumable_query = _on_connection(VectorClient.resumable_query)
    fetch = _on_connection(VectorClient.fetch)
    range = _on_connection(VectorClient.range)
    random = _on_connection(VectorClient.random)
    delete = _on_connection(VectorClient.delete)
    reset = _on_connection(VectorClient.reset)
    info = _on_connection(VectorClient.info)
    list_namespaces = _on_connection(VectorClient.list_namespaces)
    delete_namespace = _on_connection(VectorClient.delete_namespace)
    rename_namespace = _on_connection(VectorClient.rename_namespace)
    swap_namespace = _on_connection(VectorClient.swap_namespace)
    rollback_namespace = _on_connection(VectorClient.rollback_namespace)
    expire_namespaces = _on_connection(VectorClient.expire_namespaces)

    def test_connection(self) -> tuple[bool, str]:
        """Request ``info`` once; return whether that succeeded, and a message for the user. Never raises."""
        try:
            policy = replace(self.settings.policy, max_attempts=1)
            with VectorClient(self.settings.endpoint, policy=policy) as client:
                return True, connection_form.describe_index(client.info())
        except UpstashVectorError as error:
            return False, connection_form.explain(error)
        except Exception as error:  # noqa: BLE001 - the button shows any error
            return False, f"The connection test failed: {type(error).__name__}."

    def close(self) -> None:
        """Close the connections of the client."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
