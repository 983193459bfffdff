"""Turns the calls of ``wire`` into methods, so that signature and docstring of each call stand once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


def named_after(build: Callable[..., Any], method: Method) -> Method:
    """Give ``method`` the name, docstring and parameters of the function that builds its call."""
    signature = inspect.signature(build)
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__name__ = build.__name__
    method.__doc__ = build.__doc__
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]  # functions take any attribute
        parameters=[this, *signature.parameters.values()]
    )
    return method
