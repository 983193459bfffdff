"""Errors without the frames that held a secret: what shows tracebacks may show the variables of every frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


def without_frames(error: E) -> E:
    """Return an error without the frames that it has passed, and without others that it came from."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def hiding_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function whose errors show neither its arguments nor its variables."""

    @wraps(function)
    def hidden(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised below, where it has no context
            failure = without_frames(error)
        del args, kwargs
        raise failure

    return hidden
