"""What both clients share: the transport and its credentials, generated methods, request counts."""

from __future__ import annotations

import ctypes
import inspect
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, get_type_hints
from weakref import WeakSet

from airflow_provider_upstash_vector.client import wire
from airflow_provider_upstash_vector.client.credentials import Credentials, credentials_of
from airflow_provider_upstash_vector.client.errors import TokenRejected
from airflow_provider_upstash_vector.client.models import Endpoint, Query
from airflow_provider_upstash_vector.client.parameter_help import PARAMETER_HELP
from airflow_provider_upstash_vector.client.proxies import environment_proxy
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.client.retry import RetryPolicy
from airflow_provider_upstash_vector.client.transports.base import AsyncTransport, Transport, TransportSettings

Method = TypeVar("Method", bound=Callable[..., Any])
AnyTransport = TypeVar("AnyTransport", Transport, AsyncTransport)


_ROTATED = "earlier requests were accepted, so the token was rotated or revoked"
_REJECTED_TOO = "the new one is rejected too"
_MAX_TOKENS = 5  # of one request: a reader of tokens that never settles would keep it forever


class _Unpacked:
    """Stands for ``Unpack`` when annotations are resolved: ``Unpack[Options]`` is ``Options``."""

    def __class_getitem__(cls, options: Any) -> Any:
        return options


def named_after(build: Callable[..., Any], method: Method) -> Method:
    """Give ``method`` the name, parameters, types and docstring of the function that builds its call.

    Options are parameters of their own, and the docstring has a text for each parameter: tools that show a method
    to a model read these at run time.
    """
    types = get_type_hints(build, localns={"Unpack": _Unpacked})
    del types["return"]
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for name, parameter in inspect.signature(build).parameters.items():
        options = get_type_hints(types.pop(name)) if parameter.kind is parameter.VAR_KEYWORD else {}
        types |= options
        for option in options:
            default = Query.model_fields[option].default
            parameters.append(inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default))
        parameters += [] if options else [parameter]
    texts = [f":param {name}: {PARAMETER_HELP[name]}." for name in types]
    method.__name__ = build.__name__
    method.__doc__ = "\n".join([f"{inspect.getdoc(build)}\n", *texts])
    method.__annotations__ = types
    method.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # functions take any attribute
        [parameter.replace(annotation=types.get(parameter.name, parameter.empty)) for parameter in parameters]
    )
    return method


@dataclass(slots=True)
class RequestStats:
    """Counts of a client: requests, ``retries`` among them, their total time, and the time waited after a 429.

    Approximate if threads share the client.
    """

    requests: int = 0
    request_seconds: float = 0.0
    retries: int = 0
    throttled_seconds: float = 0.0

    def record_request(self, seconds: float, *, is_retry: bool) -> None:
        """Count a request that ended, in a response or an error, after ``seconds``."""
        self.requests += 1
        self.request_seconds += seconds
        self.retries += is_retry

    def record_wait(self, seconds: float, status: int | None) -> None:
        """Count a wait after a response with ``status``, or ``None`` if there was no response."""
        if status == 429:
            self.throttled_seconds += seconds


class TransportOwner(Generic[AnyTransport]):
    """Base of the clients: owns the transport, which is opened on first use, and its credentials.

    A process that was forked leaves the transport to its parent and opens its own. A copy or a pickle has the
    endpoint, with its token, but no connections.
    """

    def __init__(self, endpoint: Endpoint | Credentials, policy: RetryPolicy, max_connections: int) -> None:
        self.policy = policy
        self._credentials = credentials_of(endpoint)
        self._endpoint = self._credentials.endpoint  # the one in the settings, and in the headers of the transport
        self._settings = _transport_settings(self._endpoint, policy, max_connections)
        self._own_nothing()

    def _own_nothing(self) -> None:
        """Start without a transport, and without the locks, loops and tasks of another process."""
        self._transport: AnyTransport | None = None
        _owners.add(self)

    def _use_credentials(self) -> None:
        """Send the next requests with the token of the credentials."""
        endpoint = self._credentials.endpoint
        if endpoint is not self._endpoint:
            token = endpoint.token.get_secret_value()
            self._settings.redactor.add(token)
            self._settings = replace(self._settings, headers=wire.headers(token))
            if self._transport is not None:
                self._transport.use_headers(self._settings.headers)
            self._endpoint = endpoint

    def _check_token(self, response: wire.Response, rejections: int, reason: str | None) -> None:
        """Raise :class:`TokenRejected` unless a token was read that is worth a request.

        :param rejections: how many tokens of this request were rejected; several if it was rotated meanwhile.
        :param reason: why no other token was read, or ``None``.
        """
        if rejections == _MAX_TOKENS or (reason and rejections > 1):
            raise self._token_rejected(response, _REJECTED_TOO)
        if reason:
            raise self._token_rejected(response, reason)

    def _token_rejected(self, response: wire.Response, reason: str) -> TokenRejected:
        error = wire.api_error(response, time.time(), self._settings.redactor)
        return TokenRejected(error.status, f"{error.server_message}; {_ROTATED}: {reason}")

    def leave_to_parent(self) -> None:
        """Forget the transport in a forked process.

        It is never freed: closing it, or its finalizers, would end TLS sessions of the parent, and remove its
        sockets from the selector that both processes share.
        """
        if self._transport is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._transport))
        self._own_nothing()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _PROCESS_BOUND}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._own_nothing()


# the attributes that ``_own_nothing`` sets
_PROCESS_BOUND = {"_transport", "_lock", "_loop", "_reading"}
_owners: WeakSet[TransportOwner[Any]] = WeakSet()


def _leave_transports_to_parent() -> None:
    for owner in [*_owners]:
        owner.leave_to_parent()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_leave_transports_to_parent)


def _transport_settings(endpoint: Endpoint, policy: RetryPolicy, max_connections: int) -> TransportSettings:
    """Return the settings of a transport. Raises :class:`InvalidEndpoint` for an unusable proxy."""
    proxy = environment_proxy(endpoint.url)
    return TransportSettings(
        base_url=endpoint.url,
        headers=wire.headers(endpoint.token.get_secret_value()),
        proxy=proxy,
        redactor=Redactor(endpoint.token.get_secret_value(), *(proxy.secrets if proxy else ())),
        connect_timeout_seconds=policy.connect_timeout_seconds,
        max_connections=max_connections,
    )
