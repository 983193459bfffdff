"""Griffe extension: completes the signatures of the API reference, which griffe reads without running the code.

It adds arguments that ``**kwargs`` passes to the ``__init__`` of a base, values of constants that are defaults,
defaults of another signature, the fields of models and typed dicts, methods that are generated from functions, and
defaults and help of the arguments and options of bulk runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe

from airflow_provider_upstash_vector.bulk.api import RunArguments, SharedRunArguments, run_help
from airflow_provider_upstash_vector.bulk.exports.options import ExportOptions
from airflow_provider_upstash_vector.bulk.operations.copy import CopyOptions
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.options import BulkOptions, VectorRowOptions, option_help
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions

_KEYWORD = griffe.ParameterKind("keyword-only")  # not a member access: mypy takes its type for str
_REST = griffe.ParameterKind("variadic keyword")
# the callable whose defaults replace "..."
_DEFAULTS_OF = {
    "decorators.signatures.BulkUpdateTask.__call__": "operators.bulk.BulkUpdateVectorsOperator",
    "decorators.signatures.BulkUpsertTask.__call__": "operators.bulk.BulkUpsertVectorsOperator",
    "decorators.signatures.BulkDeleteTask.__call__": "operators.bulk.BulkDeleteVectorsOperator",
    "decorators.signatures.UpdateTask.__call__": "operators.update.UpdateVectorOperator",
}
# arguments of a base that a class sets itself
SET_BY_CLASS = {
    "CopyVectorsOperator": {"upstash_vector_conn_id"},
    "SyncVectorsOperator": {*SyncOptions.left_out, "checkpoint"},
}
_OPERATIONS = {
    "Copy": CopyOptions,
    "Delete": DeleteOptions,
    "Sync": SyncOptions,
    "Update": UpdateOptions,
    "Upsert": UpsertOptions,
}
_OPTIONS = {kind.__name__: kind for kind in (BulkOptions, ExportOptions, VectorRowOptions, *_OPERATIONS.values())}
_OPTIONS_LINE = re.compile(
    r"^:param \w+: those of .*?\b(Bulk)?(Copy|Delete|Sync|Update|Upsert)Arguments`\.$", re.MULTILINE
)
_SELF = griffe.Parameter("self", kind=griffe.ParameterKind("positional or keyword"))


class Signatures(griffe.Extension):
    """Completes the signatures of a package after it is parsed."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Complete the signatures of ``pkg``."""
        for cls in [*_classes(pkg)]:
            for attribute in [*cls.attributes.values()]:
                _add_generated_method(attribute)
            _add_fields(cls)
        for cls in [*_classes(pkg)]:
            _add_arguments_of_bases(cls)
        for name, operator in _DEFAULTS_OF.items():
            documented = pkg[f"{operator}.__init__"].parameters
            for parameter in pkg[name].parameters:
                if parameter.default == "...":
                    parameter.default = documented[parameter.name].default
        unpacked = {**_bulk_arguments(pkg), **_query_options(pkg)}
        for function in _functions(pkg):
            _unpack_options(function, unpacked)
            for parameter in function.parameters:
                parameter.default = _constant(parameter.default, function)

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Add the help of the options to a docstring that refers to them."""
        if obj.docstring is not None:
            obj.docstring.value = with_option_help(obj.docstring.value)


def with_option_help(docstring: str) -> str:
    """Replace a line that refers to the arguments of an operation by one for each, except the namespace."""
    return _OPTIONS_LINE.sub(lambda line: _argument_help(line[2], of_run=line[1] is not None), docstring)


def _argument_help(operation: str, *, of_run: bool) -> str:
    texts = option_help(_OPERATIONS[operation])
    lines = [f":param {name}: {text}." for name, text in texts.items() if name != "namespace"]
    run_arguments = SharedRunArguments if operation == "Sync" else RunArguments
    return "\n".join([run_help(run_arguments), *lines] if of_run else lines)


def _classes(within: griffe.Object) -> Iterator[griffe.Class]:
    for member in within.members.values():
        if not member.is_alias and (member.is_module or member.is_class):
            if isinstance(member, griffe.Class):
                yield member
            yield from _classes(member)  # type: ignore[arg-type]  # not an alias, as checked above


def _functions(within: griffe.Object) -> Iterator[griffe.Function]:
    for member in within.members.values():
        if isinstance(member, griffe.Function):
            yield member
        elif not member.is_alias and (member.is_module or member.is_class):
            yield from _functions(member)  # type: ignore[arg-type]  # as above


def _resolve(path: str, near: griffe.Object) -> Any:
    """Return the object of a path, ``None`` if it is in another package."""
    try:
        target = near.modules_collection[path]
        target = target.final_target if target.is_alias else target
    except (KeyError, griffe.GriffeError):
        return None
    return target


def _add_generated_method(attribute: griffe.Attribute) -> griffe.Function | None:
    """Replace ``name = wrapper(function)`` by a method with the arguments and docstring of the function.

    Its return type is that of the ``Callable[…]`` that the wrapper returns; T is the result type of the function.
    """
    call = attribute.value
    if not isinstance(call, griffe.ExprCall) or len(call.arguments) != 1 or attribute.annotation is not None:
        return None
    wrapper = _resolve(call.function.canonical_path, attribute)
    build = _resolve(getattr(call.arguments[0], "canonical_path", "nothing"), attribute)
    if isinstance(build, griffe.Attribute):
        build = _add_generated_method(build)
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
        if str(returns).startswith(("Call[", "CallSequence[")):
            returns = returns.slice
    arguments = [parameter for parameter in build.parameters if parameter.name != "self"]
    method = griffe.Function(
        attribute.name,
        lineno=attribute.lineno,
        endlineno=attribute.endlineno,
        parameters=griffe.Parameters(_SELF, *arguments),
        returns=returns,
        docstring=build.docstring,
    )
    method.labels |= {"async"} if is_async else set()
    attribute.parent.set_member(attribute.name, method)  # type: ignore[union-attr]  # its parent is a class
    return method


def _add_fields(cls: griffe.Class) -> None:
    """Add an ``__init__`` with its fields to a pydantic model or a typed dict."""
    if "__init__" in cls.members:
        return
    bases = [cls, *cls.mro()]
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
    cls.set_member("__init__", init)


def _without_validators(annotation: Any) -> Any:
    is_annotated = str(annotation).startswith("Annotated[")
    return annotation.slice.elements[0] if is_annotated else annotation


def _add_arguments_of_bases(cls: griffe.Class) -> None:
    """Insert, before ``**kwargs``, the arguments that it passes to the ``__init__`` of bases in this package."""
    init = cls.members.get("__init__")
    if not isinstance(init, griffe.Function):
        return
    parameters = [*init.parameters]
    for base in cls.mro():
        if not parameters or parameters[-1].kind is not _REST:
            break
        inherited = base.members.get("__init__")
        names = {parameter.name for parameter in parameters} | SET_BY_CLASS.get(cls.name, set())
        if isinstance(inherited, griffe.Function):
            parameters[-1:-1] = [
                parameter
                for parameter in inherited.parameters
                if parameter.kind is _KEYWORD and parameter.name not in names
            ]
    init.parameters = griffe.Parameters(*parameters)


def _bulk_arguments(pkg: griffe.Module) -> dict[str, list[griffe.Parameter]]:
    """Return the arguments of bulk runs by the name of their typed dict, with the defaults of a run."""
    run = pkg["bulk.starting.run_async"].parameters
    unpacked = {}
    for operation, options in _OPERATIONS.items():
        name = f"Bulk{operation}Arguments"
        unpacked[name] = [
            griffe.Parameter(
                argument.name,
                annotation=argument.annotation,
                kind=_KEYWORD,
                default=run[argument.name].default
                if argument.name in RunArguments.__annotations__
                else repr(getattr(options, argument.name)),
            )
            for argument in pkg[f"bulk.api.{name}.__init__"].parameters
            if argument.name != "self"
        ]
    return unpacked


def _query_options(pkg: griffe.Module) -> dict[str, list[griffe.Parameter]]:
    """Return the options of queries by the name of their typed dict, with the defaults of ``Query``."""
    query = pkg["client.models.queries.Query.__init__"].parameters
    unpacked = {}
    for name in ("QueryOptions", "DataQueryOptions"):
        options = pkg[f"client.models.queries.{name}.__init__"].parameters
        unpacked[name] = [
            griffe.Parameter(
                option.name, annotation=option.annotation, kind=_KEYWORD, default=query[option.name].default
            )
            for option in options
            if option.name != "self"
        ]
    return unpacked


def _unpack_options(function: griffe.Function, unpacked: dict[str, list[griffe.Parameter]]) -> None:
    """Replace ``**options: Unpack[<typed dict>]`` by the options of the typed dict."""
    rest = [*function.parameters][-1:]
    kind = re.fullmatch(r"Unpack\[(\w+)\]", str(rest[0].annotation)) if rest else None
    if kind and kind[1] in unpacked:
        function.parameters = griffe.Parameters(*[*function.parameters][:-1], *unpacked[kind[1]])


def _constant(default: Any, function: griffe.Function) -> Any:
    """Return the value of a default that is a constant of the package, or the default itself."""
    if not isinstance(default, griffe.ExprName | griffe.ExprAttribute):
        return default
    owner, _, name = str(default).partition(".")
    if owner in _OPTIONS:
        return repr(getattr(_OPTIONS[owner], name))
    constant = _resolve(default.canonical_path, function)
    value = constant.value if isinstance(constant, griffe.Attribute) else None
    return value if isinstance(value, str) else default
