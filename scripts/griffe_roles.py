"""Griffe extension: shows roles in docstrings, e.g. ``:class:`~.errors.InvalidRequest```, as code."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|attr):`(~?)([\w.]+)`")


def without_roles(text: str) -> str:
    """Replace roles by names in backticks; with ``~``, only the last part of a name."""
    return _ROLE.sub(lambda role: f"`{role[2].rpartition('.')[2] if role[1] else role[2]}`", text)


class Roles(griffe.Extension):
    """Rewrites each docstring after it is parsed."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of ``obj``."""
        if obj.docstring is not None:
            obj.docstring.value = without_roles(obj.docstring.value)
