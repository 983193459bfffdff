"""What commands are: a name, arguments, and a run that ends in JSON, a sentence and an exit code."""

from __future__ import annotations

import argparse
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import Endpoint, VectorClient

TOKEN_VARIABLE = "UPSTASH_VECTOR_REST_TOKEN"  # noqa: S105 - the variable's name
URL_VARIABLE = "UPSTASH_VECTOR_REST_URL"
OK, FAILED, UNUSABLE = 0, 1, 2
CANCELLED = 128  # plus the signal's number, as a shell reports it


class Result(NamedTuple):
    """What a command prints to stdout as JSON, its exit code, and an error for stderr."""

    output: Any
    exit_code: int = OK
    error: str | None = None


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
    return Result(None, UNUSABLE, f"{command} cannot be undone, so it {need}")


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
