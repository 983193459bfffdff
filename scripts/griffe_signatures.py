"""Shows in the API reference what stands elsewhere in the code: signatures that are not written in one place.

Griffe reads the code without running it. It is told here about arguments that reach a base's ``__init__`` by
``**kwargs``, constants as defaults, defaults that another signature has, the fields of models and typed dicts, and
methods that are made of functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import griffe

_KEYWORD = griffe.ParameterKind("keyword-only")  # mypy takes the members' types for str
_REST = griffe.ParameterKind("variadic keyword")
# whose defaults stand in for "..."
_DEFAULTS_OF = {
    "bulk.options.BulkArguments.__init__": "operators.bulk.BulkUpdateVectorsOperator",
    "decorators.signatures.BulkUpdateTask.__call__": "operators.bulk.BulkUpdateVectorsOperator",
    "decorators.signatures.UpdateTask.__call__": "operators.update.UpdateVectorOperator",
}
_SELF = griffe.Parameter("self", kind=griffe.ParameterKind("positional or keyword"))


class Signatures(griffe.Extension):
    """Completes the signatures of a package when all of it has been read."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Complete those of ``pkg``."""
        for one in [*_classes(pkg)]:
            for attribute in [*one.attributes.values()]:
                _show_as_method(attribute)
            _show_fields(one)
        for one in [*_classes(pkg)]:
            _show_arguments_of_bases(one)
        for name, operator in _DEFAULTS_OF.items():
            known = pkg[f"{operator}.__init__"].parameters
            for parameter in pkg[name].parameters:
                if parameter.default == "...":
                    parameter.default = known[parameter.name].default
        for function in _functions(pkg):
            for parameter in function.parameters:
                parameter.default = _constant(parameter.default, function)


def _classes(within: griffe.Object) -> Iterator[griffe.Class]:
    for member in within.members.values():
        if not member.is_alias and (member.is_module or member.is_class):
            if isinstance(member, griffe.Class):
                yield member
            yield from _classes(member)  # type: ignore[arg-type]  # no alias, as asked above


def _functions(within: griffe.Object) -> Iterator[griffe.Function]:
    for member in within.members.values():
        if isinstance(member, griffe.Function):
            yield member
        elif not member.is_alias and (member.is_module or member.is_class):
            yield from _functions(member)  # type: ignore[arg-type]  # as above


def _found(path: str, near: griffe.Object) -> Any:
    """Return the object of a path; ``None`` for one of another package."""
    try:
        found = near.modules_collection[path]
        found = found.final_target if found.is_alias else found
    except (KeyError, griffe.GriffeError):
        return None
    return found


def _show_as_method(attribute: griffe.Attribute) -> griffe.Function | None:
    """Show ``name = wrapper(function)`` as a method with the arguments and docstring of the function.

    What it returns is the last part of the wrapper's ``Callable[…]``, with what the function's call gives for T.
    """
    made = attribute.value
    if not isinstance(made, griffe.ExprCall) or len(made.arguments) != 1 or attribute.annotation is not None:
        return None
    wrapper = _found(made.function.canonical_path, attribute)
    build = _found(getattr(made.arguments[0], "canonical_path", "nothing"), attribute)
    if isinstance(build, griffe.Attribute):
        build = _show_as_method(build)
    if not isinstance(wrapper, griffe.Function) or not isinstance(build, griffe.Function):
        return None
    if not str(wrapper.returns).startswith("Callable["):
        return None
    returns: Any = wrapper.returns.slice.elements[-1]  # type: ignore[union-attr]  # Callable[…, result]
    is_async = str(returns).startswith("Coroutine[")
    if is_async:
        returns = returns.slice.elements[-1]
    if str(returns) == "T":
        returns = build.returns
        if str(returns).startswith(("Call[", "Steps[")):
            returns = returns.slice
    arguments = [one for one in build.parameters if one.name != "self"]
    method = griffe.Function(
        attribute.name,
        lineno=attribute.lineno,
        endlineno=attribute.endlineno,
        parameters=griffe.Parameters(_SELF, *arguments),
        returns=returns,
        docstring=build.docstring,
    )
    method.labels |= {"async"} if is_async else set()
    attribute.parent.set_member(attribute.name, method)  # type: ignore[union-attr]  # it stands in a class
    return method


def _show_fields(one: griffe.Class) -> None:
    """Give a pydantic model or a typed dict an ``__init__`` with its fields."""
    if "__init__" in one.members:
        return
    bases = [one, *one.mro()]
    roots = {getattr(base, "canonical_path", base) for kind in bases for base in kind.bases}
    if not roots & {"pydantic.BaseModel", "typing.TypedDict"}:
        return
    fields = {
        field.name: griffe.Parameter(
            field.name,
            annotation=_without_validators(field.annotation),
            kind=_KEYWORD,
            default="..." if "typing.TypedDict" in roots else field.value,
        )
        for kind in reversed(bases)
        for field in kind.attributes.values()
        if field.annotation is not None and not field.name.startswith("_")
    }
    required_first = sorted(fields.values(), key=lambda field: field.default is not None)
    init = griffe.Function("__init__", parameters=griffe.Parameters(_SELF, *required_first))
    one.set_member("__init__", init)


def _without_validators(annotation: Any) -> Any:
    is_annotated = str(annotation).startswith("Annotated[")
    return annotation.slice.elements[0] if is_annotated else annotation


def _show_arguments_of_bases(one: griffe.Class) -> None:
    """Put what ``**kwargs`` hands on to the bases' ``__init__``, as far as they are of this package, before it."""
    init = one.members.get("__init__")
    if not isinstance(init, griffe.Function):
        return
    parameters = [*init.parameters]
    for base in one.mro():
        if not parameters or parameters[-1].kind is not _REST:
            break
        above = base.members.get("__init__")
        names = {parameter.name for parameter in parameters}
        if isinstance(above, griffe.Function):
            parameters[-1:-1] = [own for own in above.parameters if own.kind is _KEYWORD and own.name not in names]
    init.parameters = griffe.Parameters(*parameters)


def _constant(default: Any, function: griffe.Function) -> Any:
    """Return the value of a default that is a constant of the package, else the default itself."""
    if not isinstance(default, griffe.ExprName | griffe.ExprAttribute):
        return default
    constant = _found(default.canonical_path, function)
    value = constant.value if isinstance(constant, griffe.Attribute) else None
    return value if isinstance(value, str) else default
