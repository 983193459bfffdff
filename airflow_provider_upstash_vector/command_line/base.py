"""What commands are: a name, arguments, and a run that ends in a result, an exit code and perhaps an error."""

from __future__ import annotations

import argparse
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

from airflow_provider_upstash_vector.bulk.errors import RunFailed
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import Cancelled

TOKEN_VARIABLE = "UPSTASH_VECTOR_REST_TOKEN"  # noqa: S105 - the variable's name
URL_VARIABLE = "UPSTASH_VECTOR_REST_URL"
OK, FAILED, USAGE, INCOMPLETE, CHECK_FAILED = range(5)
CANCELLED = 128  # plus the signal's number, as a shell reports it

EXIT_CODES = {
    OK: "all is done, or would be under --dry-run or --plan; rows may remain under --on-budget return",
    FAILED: "a call failed, or did nothing: the message says whether a retry may help",
    USAGE: "an argument, a file or the URL, token or connection is unusable; nothing was sent",
    INCOMPLETE: "a run stopped early or has had too many failures; its report is printed",
    CHECK_FAILED: "check has run, and at least one of its checks has failed",
    CANCELLED + signal.SIGINT: "stopped by SIGINT (Ctrl-C); a run has printed its report",
    CANCELLED + signal.SIGTERM: "stopped by SIGTERM, in the same way",
}


class Error(NamedTuple):
    """Why a command did not do what it should; ``reason`` is that of a run."""

    type: str
    message: str
    retryable: bool = False
    reason: str | None = None

    @classmethod
    def of(cls, error: Exception) -> Error:
        """Return what is printed of an error."""
        name, retryable = type(error).__name__, getattr(error, "retryable", False)
        if isinstance(error, RunFailed):
            return cls(name, error.explanation, retryable, error.reason)
        return cls(name, str(error), retryable)


class Result(NamedTuple):
    """What a command prints to stdout, as JSON or as ``text``, its exit code, and an error for stderr."""

    output: Any
    exit_code: int = OK
    error: Error | None = None
    text: str | None = None


def failed(error: Exception) -> Result:
    """Return the result of a command that raised an error before or without a report."""
    if isinstance(error, Cancelled):
        return Result(None, CANCELLED, Error.of(error))
    # ValueErrors are raised before anything is sent
    return Result(None, USAGE if isinstance(error, ValueError) else FAILED, Error.of(error))


@dataclass(frozen=True, slots=True)
class Index:
    """The index of a command: a URL with the token of the environment, or an Airflow connection."""

    url: str | None
    conn_id: str | None

    def endpoint(self) -> Endpoint:
        """Return URL and token. Raises ``InvalidEndpoint`` if one is missing."""
        return Endpoint.of(self.url or os.environ.get(URL_VARIABLE), os.environ.get(TOKEN_VARIABLE))

    def hook(self, cancel_token: CancelToken | None = None) -> Any:
        """Return the hook on the connection: the only part that needs Airflow."""
        # outside of a task, Airflow 3 reads connections of the metadata database in a process of the server alone
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
        hooks = import_module("airflow_provider_upstash_vector.hooks.upstash_vector")
        return hooks.UpstashVectorHook(self.conn_id, cancel_token=cancel_token)

    def client(self, cancel_token: CancelToken) -> AbstractContextManager[Any]:
        """Return the hook or a client, which have the same calls."""
        if self.conn_id is not None:
            hook: AbstractContextManager[Any] = self.hook(cancel_token)
            return hook
        return VectorClient(self.endpoint(), cancel_token=cancel_token)


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--yes``."""
    parser.add_argument("--yes", action="store_true", default=None, help="do what cannot be undone")


def refused(command: str, need: str) -> Result:
    """Return the result of a command that lacks what it needs."""
    return Result(None, USAGE, Error("Usage", f"{command} cannot be undone, so it {need}"))


class Command(ABC):
    """A command of the program."""

    name: str
    help: str

    @abstractmethod
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments other than those of the index."""

    @abstractmethod
    def run(self, index: Index, arguments: Mapping[str, Any], cancel_token: CancelToken) -> Result:
        """Run with the arguments that are set.

        Raises ``UpstashVectorError``, ``ValueError`` or ``OSError`` if that is not possible.
        """
