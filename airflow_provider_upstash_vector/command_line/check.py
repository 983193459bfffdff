"""The command that checks a namespace: an option for each check, whose values are its arguments in Python."""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_upstash_vector.bulk import checking
from airflow_provider_upstash_vector.bulk.checking.base import Check
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.command_line.base import (
    CHECK_FAILED,
    USAGE,
    Command,
    Error,
    Index,
    Result,
)
from airflow_provider_upstash_vector.command_line.bulk import PYTHON_ONLY, parameter_texts
from airflow_provider_upstash_vector.command_line.parsing import add_options

CHECKS: tuple[type[Check], ...] = (
    checking.CountBetween,
    checking.NoZeroVectors,
    checking.MetadataHas,
    checking.SelfRecall,
    checking.GoldQueries,
)
_NOT_ARGUMENTS = {"queries"}  # which the check reads itself


class CheckCommand(Command):
    """Runs the checks of the options, in their order."""

    name = "check"
    help = "Check a namespace before it is used, with the read-only token."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add an option for each check, and those of the run."""
        for check in CHECKS:
            names = _parameters(check)
            parser.add_argument(
                f"--{_option(check)}",
                dest="checks",
                action=_AddCheck,
                const=check,
                nargs="*" if names else 0,
                metavar=" ".join(["VALUE", "NAME=VALUE"][-len(names) :]) if names else None,
                help=_help(check),
            )
        parameters = inspect.signature(checking.check_async, eval_str=True).parameters.values()
        options = [part for part in parameters if part.kind is part.KEYWORD_ONLY]
        left_out = {*PYTHON_ONLY, "checks"}
        add_options(
            parser,
            [part for part in options if part.name not in left_out],
            parameter_texts(checking.check_async),
        )

    def run(self, index: Index, arguments: Mapping[str, Any], cancel_token: CancelToken) -> Result:
        """Run the checks; the output is the report."""
        given = dict(arguments)
        checks = [_created(check, values) for check, values in given.pop("checks", ())]
        if not checks:
            options = ", ".join(f"--{_option(check)}" for check in CHECKS)
            return Result(None, USAGE, Error("Usage", f"set at least one of the checks {options}"))
        if index.conn_id is not None:
            report = index.hook(cancel_token).check(checks, **given)
        else:
            report = checking.check(index.endpoint(), checks=checks, cancel_token=cancel_token, **given)
        if report.passed:
            return Result(report.to_dict(), text=str(report))
        message = f"{len(report.failed)} of {len(report.results)} checks failed"
        return Result(report.to_dict(), CHECK_FAILED, Error("ChecksFailed", message), str(report))


class _AddCheck(argparse.Action):
    """Appends the check of the option with its values."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse passes it
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # noqa: ARG002 - as above
    ) -> None:
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or ()), (self.const, values or ())])


def _created(check: type[Check], values: Sequence[str]) -> Check:
    """Return a check. Raises ``ValueError`` for values that are not its arguments."""
    parameters = _parameters(check)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for text in values:
        name, sign, value = text.partition("=")
        if sign and name in parameters:
            named[name] = _value(value, parameters[name])
        else:
            positional.append(_value(text, next(iter(parameters.values()))))
    try:
        return check(*positional, **named)
    except TypeError as error:
        raise ValueError(f"--{_option(check)}: {error}; its arguments are {_arguments(check)}") from None


def _value(text: str, parameter: inspect.Parameter) -> Any:
    """Return the number that a text is, unless the parameter takes text."""
    try:
        return text if parameter.annotation in {str, "str"} else json.loads(text)
    except (ValueError, RecursionError):
        return text


def _parameters(check: type[Check]) -> Mapping[str, inspect.Parameter]:
    parameters = inspect.signature(check).parameters
    return {name: part for name, part in parameters.items() if name not in _NOT_ARGUMENTS}


def _option(check: type[Check]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", check.__name__).lower()


def _arguments(check: type[Check]) -> str:
    return ", ".join(
        name if part.default is part.empty else f"{name}={part.default}"
        for name, part in _parameters(check).items()
    )


def _help(check: type[Check]) -> str:
    text = " ".join((inspect.getdoc(check) or "").partition("\n\n")[0].split()).replace("``", "")
    arguments = _arguments(check)
    return (text + (f" Arguments: {arguments}." if arguments else "")).replace("%", "%%")


COMMANDS = (CheckCommand(),)
