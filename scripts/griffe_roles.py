"""Shows the roles of docstrings, such as ``:class:`~.errors.InvalidRequest```, as code in the API reference."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|attr):`(~?)([\w.]+)`")


def without_roles(text: str) -> str:
    """Return a docstring with names in backticks in place of roles; ``~`` leaves the last part of a name."""
    return _ROLE.sub(lambda role: f"`{role[2].rpartition('.')[2] if role[1] else role[2]}`", text)


class Roles(griffe.Extension):
    """Rewrites each docstring when it has been read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite that of ``obj``."""
        if obj.docstring is not None:
            obj.docstring.value = without_roles(obj.docstring.value)
