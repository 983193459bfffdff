"""The function that embeds texts: what ``embed`` may be, its fingerprint, and its import."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from typing import Any, TypeAlias

from airflow_provider_upstash_vector.bulk.function_code import function_fingerprint
from airflow_provider_upstash_vector.client import validation

# From a list of texts to as many vectors; an async function, or a generator of vectors, too.
EmbedFunction: TypeAlias = Callable[[list[str]], Any]

_NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_IMPORT_PATH = re.compile(rf"({_NAME})[:.]({_NAME})")


@dataclass(frozen=True, slots=True)
class Embedding:
    """A function, or its import path, and how it is called."""

    function: EmbedFunction | str
    batch_size: int
    concurrency: int
    attempts: int

    def __post_init__(self) -> None:
        """Raise ``ValueError`` if the function is none."""
        _import_path(self.function)

    @property
    def fingerprint(self) -> str:
        """Name and digest of the function. Raises ``ValueError`` if it cannot be imported."""
        return function_fingerprint(self.load())

    def load(self) -> EmbedFunction:
        """Return the function, imported if it is a path. Raises ``ValueError`` if it cannot be imported."""
        path = _import_path(self.function)
        if path is None:
            return self.function  # type: ignore[return-value]  # no text
        module, name = path
        try:
            function = attrgetter(name)(import_module(module))
        except Exception as error:  # a module runs code
            reason = f"{type(error).__name__}: {error}"
            raise ValueError(f"embed: {self.function!r} cannot be imported: {reason}") from error
        if not callable(function):
            raise ValueError(f"embed: {self.function!r} is no function, but {validation.shown(function)}")
        return function  # type: ignore[no-any-return]  # of another's module


def _import_path(function: object) -> tuple[str, str] | None:
    """Return module and name if the function is text, ``None`` if it is callable; raises ``ValueError`` else."""
    match = isinstance(function, str) and _IMPORT_PATH.fullmatch(function)
    if match:
        module, name = match.groups()
        return module, name
    if callable(function):
        return None
    raise ValueError(
        f"embed must be a function or its import path, such as 'package.module:function', got "
        f"{validation.shown(function)}"
    )
