"""What a checkpoint knows a caller's function by: its name, its code, and the values that the code uses.

Comments, line numbers and the names of local variables are no part of it. What cannot be seen is what the function
uses of other modules, and objects such as a model.
"""

from __future__ import annotations

import dis
import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

# of a DAG file's module: it has the file's path, which changes with each version of a DAG bundle
_DAG_MODULE = re.compile(r"^unusual_prefix_[0-9a-f]+_")
_DIGEST_CHARS = 16
_EMPTY_CELL = CellType()
_CONSTRUCTORS = {"__init__", "__new__", "__post_init__"}
_CONSTANTS = (str, bytes, int, float, complex, bool, type(None), type(...))


def function_fingerprint(function: Callable[..., Any]) -> str:
    """Return module, name and a digest of the code, the same in every process with this version of Python.

    The code is that of the function and of the functions of its module that it uses. Values are constants and
    collections of them in its module or among the arguments of a ``partial``; and constants that it closes over,
    has as defaults or as attributes, but for those that it assigns itself.
    """
    named = function
    while isinstance(named, partial):
        named = named.func
    text = _Code(named).of_callable(function)
    return f"{_name(named)} {hashlib.sha256(text.encode('utf-8', 'backslashreplace')).hexdigest()[:_DIGEST_CHARS]}"


def _name(value: Any) -> str:
    """Return module and name of a function or class, or those of an object's class."""
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{_DAG_MODULE.sub('', str(getattr(named, '__module__', '')))}:{named.__qualname__}"


class _Code:
    """Describes a function of a module as text."""

    def __init__(self, function: Callable[..., Any]) -> None:
        named = function if hasattr(function, "__qualname__") else type(function)
        self._module = getattr(named, "__module__", None)
        self._seen: set[int] = set()

    def of_callable(self, value: Any) -> str:
        """Return the text of what can be called."""
        if isinstance(value, partial):
            arguments = self._value((*value.args, *value.keywords.items()), mutable=True)
            return self.of_callable(value.func) + ("" if arguments == "()" else f" {arguments}")
        if isinstance(value, FunctionType | type):
            return self._value(value)
        if isinstance(value, MethodType):
            return f"{self._value(value.__func__)} {self._object(value.__self__)}"
        return self._object(value)

    def _object(self, value: Any) -> str:
        methods = [function for name, function in _methods(type(value)) if name not in _CONSTRUCTORS]
        assigned = frozenset[str]().union(*(_assigned(function.__code__) for function in methods))
        return f"{self._value(type(value))} {self._values(getattr(value, '__dict__', {}), assigned)}"

    def _class(self, kind: type) -> str:
        bases = [self._value(base) for base in kind.__bases__]
        return f"{_name(kind)} {bases} {[(name, self._function(method)) for name, method in _methods(kind)]}"

    def _function(self, function: FunctionType) -> str:
        code = function.__code__
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        closed = {name: cell.cell_contents for name, cell in cells if cell != _EMPTY_CELL}
        everything = function.__globals__
        used = {name: everything[name] for name in _names_of_globals(code) & everything.keys()}
        assigned = _assigned(code)
        defaults = self._value((function.__defaults__, *(function.__kwdefaults__ or {}).items()))
        values = self._values(closed, assigned), self._values(used, assigned, mutable=True)
        return f"{_name(function)} {self._code(code)} {defaults} {values}"

    def _code(self, code: CodeType) -> str:
        table = getattr(code, "co_exceptiontable", b"")  # since Python 3.11
        names = (*code.co_names, *code.co_freevars)
        return f"{code.co_code.hex()} {table.hex()} {names} {self._value(code.co_consts)}"

    def _values(self, values: dict[str, Any], assigned: frozenset[str], *, mutable: bool = False) -> str:
        kept = sorted(values.keys() - assigned)
        return str([(name, self._value(values[name], mutable=mutable)) for name in kept])

    def _value(self, value: Any, *, mutable: bool = False) -> str:
        """Return the text of a constant, a collection of them, or a function or class of the module."""
        kind = type(value)
        if kind in _CONSTANTS:
            return repr(value)
        if kind is CodeType:
            return self._code(value)
        if kind is dict and mutable and self._is_new(value):
            value, kind = (*value.items(),), tuple
        if kind is tuple or (kind is list and mutable and self._is_new(value)):
            return f"({', '.join(self._value(item, mutable=mutable) for item in value)})"
        if kind is frozenset or (kind is set and mutable):
            return f"{{{', '.join(sorted(map(self._value, value)))}}}"
        return self._named(value)

    def _named(self, value: Any) -> str:
        """Return the text of a function or class of the module, of others and of objects the name."""
        if isinstance(value, FunctionType | type) and value.__module__ == self._module and self._is_new(value):
            return self._class(value) if isinstance(value, type) else self._function(value)
        return _name(value)

    def _is_new(self, value: object) -> bool:
        """Return whether a value is described for the first time: it may contain itself."""
        is_new = id(value) not in self._seen
        self._seen.add(id(value))
        return is_new


def _methods(kind: type) -> list[tuple[str, FunctionType]]:
    functions = ((name, getattr(value, "__func__", value)) for name, value in sorted(vars(kind).items()))
    return [(name, function) for name, function in functions if isinstance(function, FunctionType)]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code, and that of the functions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _names(code: CodeType, *operations: str) -> frozenset[str]:
    instructions = (instruction for part in _codes(code) for instruction in dis.get_instructions(part))
    return frozenset(each.argval for each in instructions if each.opname in operations)


def _names_of_globals(code: CodeType) -> frozenset[str]:
    return _names(code, "LOAD_GLOBAL", "LOAD_NAME")


def _assigned(code: CodeType) -> frozenset[str]:
    """Return the names that the code assigns, beyond its local variables: its state, which counts its calls."""
    return _names(code, "STORE_GLOBAL", "STORE_DEREF", "STORE_ATTR")
