"""Signatures of the hook's methods for bulk runs, completed on first use: most tasks import no bulk run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cached_property
from types import MethodType
from typing import Any, TypeVar, cast

AnyMethod = TypeVar("AnyMethod", bound=Callable[..., Any])

_PREFIX = "bulk_"
_NAMESPACE = re.compile(r"(:param (?:target_)?namespace: (?:for rows that set none|the namespace(?: to \w+)?))")


class _BulkMethod:
    """A method with the arguments, but for the endpoint, of the function in ``bulk`` that its name has."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def __get__(self, hook: object, owner: type | None = None) -> Any:
        return self._completed if hook is None else MethodType(self._completed, hook)

    @cached_property
    def _completed(self) -> Any:
        from airflow_provider_upstash_vector import bulk  # noqa: PLC0415 - see above

        method = self._method
        run = getattr(bulk, method.__name__.removeprefix(_PREFIX))
        own = inspect.signature(method).parameters
        parameters = dict(inspect.signature(run).parameters)
        for name in ("endpoint", "target", "source_policy"):  # the hook has them
            parameters.pop(name, None)
        for name in ("namespace", "target_namespace"):
            if name in own:
                parameters[name] = own[name].replace(annotation=str | None)
        method.__signature__ = inspect.Signature([own["self"], *parameters.values()])
        method.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
        texts = _NAMESPACE.sub(r"\1, by default that of the connection", run.__doc__ or "").split(":param ")
        of_parameters = [text for text in texts[1:] if text.partition(":")[0] in parameters]
        method.__doc__ = "".join(
            [method.__doc__ or "", "\n", *(f"        :param {text.strip()}\n" for text in of_parameters)]
        )
        return method


def completed_on_use(method: AnyMethod) -> AnyMethod:
    """Complete the signature and the docstring of a method of a bulk run when it is first used."""
    return cast("AnyMethod", _BulkMethod(method))
