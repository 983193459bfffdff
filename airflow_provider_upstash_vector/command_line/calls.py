"""The commands of single calls, whose options are the parameters of the client's methods."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import VectorClient
from airflow_provider_upstash_vector.client.errors import Cancelled
from airflow_provider_upstash_vector.client.models.base import ResponseModel
from airflow_provider_upstash_vector.client.parameter_help import PARAMETER_HELP
from airflow_provider_upstash_vector.command_line.base import (
    CANCELLED,
    FAILED,
    Command,
    Index,
    Result,
    add_yes,
    refused,
)
from airflow_provider_upstash_vector.command_line.parsing import add_options


class CallCommand(Command):
    """Calls a method of the client once.

    A result that is neither a list nor a model is the value of ``key`` in the output. ``cannot_be_undone`` decides
    whether a call with these arguments needs ``--yes``, and the namespace spelled out.
    """

    def __init__(
        self,
        method: Callable[..., Any],
        *,
        name: str | None = None,
        key: str = "",
        cannot_be_undone: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> None:
        self.method = method
        self.name = name or method.__name__.replace("_", "-")
        self.help = (inspect.getdoc(method) or "").partition("\n\n")[0].replace("``", "")
        self._key = key
        self._cannot_be_undone = cannot_be_undone

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add an option for each parameter of the method."""
        parameters = [*inspect.signature(self.method).parameters.values()][1:]  # without self
        add_options(parser, parameters, PARAMETER_HELP)
        if self._cannot_be_undone is not None:
            add_yes(parser)

    def run(self, index: Index, arguments: Mapping[str, Any], cancel_token: CancelToken) -> Result:
        """Call the method; the output is its result."""
        given = {name: value for name, value in arguments.items() if name != "yes"}
        if self._cannot_be_undone is not None and self._cannot_be_undone(given):
            parameters = inspect.signature(self.method).parameters
            if "namespace" in parameters and ("namespace" in given) == bool(given.get("all")):
                or_all = " or --all" if "all" in parameters else ""
                return refused(self.name, f"needs --namespace{or_all}; --namespace= is the default one")
            if not arguments.get("yes"):
                return refused(self.name, "needs --yes")
        try:
            with index.client(cancel_token) as client:
                result = getattr(client, self.method.__name__)(**given)
        except Cancelled as error:
            return Result(None, CANCELLED, str(error))
        if result is False:
            return Result({self._key: result}, FAILED, f"not {self._key}: another namespace has the new name")
        return Result(self._plain(result))

    def _plain(self, result: Any) -> Any:
        if isinstance(result, list):
            return [plain(item) for item in result]
        if isinstance(result, ResponseModel):
            return plain(result)
        return {self._key: True if result is None else result}


def plain(item: Any) -> Any:
    """Return a model as plain JSON values, and other values as they are."""
    return item.model_dump() if isinstance(item, ResponseModel) else item


def _always(_: Mapping[str, Any]) -> bool:
    return True


COMMANDS = (
    CallCommand(VectorClient.info),
    CallCommand(VectorClient.query),
    CallCommand(VectorClient.fetch),
    CallCommand(VectorClient.list_namespaces),
    CallCommand(VectorClient.delete, name="delete-vectors", key="deleted", cannot_be_undone=_always),
    CallCommand(VectorClient.reset, key="reset", cannot_be_undone=_always),
    CallCommand(VectorClient.delete_namespace, key="deleted", cannot_be_undone=_always),
    CallCommand(
        VectorClient.rename_namespace,
        key="renamed",
        cannot_be_undone=lambda given: bool(given.get("delete_existing")),
    ),
    CallCommand(VectorClient.swap_namespace),
    CallCommand(VectorClient.rollback_namespace),
    CallCommand(VectorClient.expire_namespaces, cannot_be_undone=lambda given: not given.get("dry_run")),
)
