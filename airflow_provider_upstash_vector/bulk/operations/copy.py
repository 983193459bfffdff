"""The options of copies: which vectors are read, and what is changed before they are upserted."""

from __future__ import annotations

import pkgutil
import re
from dataclasses import dataclass
from typing import Annotated

from airflow_provider_upstash_vector.bulk.function_code import function_fingerprint
from airflow_provider_upstash_vector.bulk.operations.upsert import IfNotEmpty, UpsertOptions
from airflow_provider_upstash_vector.bulk.options import SendArguments, VectorRowArguments
from airflow_provider_upstash_vector.bulk.reading.source import Transform
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.filters import Filter
from airflow_provider_upstash_vector.client.wire.writes import MAX_ITEMS

_IMPORT_PATH = re.compile(r"\w+([.:]\w+)+")


@dataclass(frozen=True, kw_only=True)
class CopyOptions(UpsertOptions):
    """The options of copies, whose rows are as they are read. Raises ``ValueError`` for an invalid value."""

    left_out = frozenset(VectorRowArguments.__annotations__.keys() - SendArguments.__annotations__.keys())

    namespace: Annotated[str, "of the target"] = ""
    if_not_empty: Annotated[
        IfNotEmpty,
        "if there are vectors in the target namespace: ``merge`` adds to them, ``fail`` sends nothing; a run that "
        "resumes does not check again",
    ] = "merge"
    prefix: Annotated[str | None, "copy only vectors whose id starts with it"] = None
    filter: Annotated[
        Filter | None,
        "copy only vectors whose metadata match, a ``Field`` expression, evaluated here and not by the service",
    ] = None
    transform: Annotated[
        Transform | str | None,
        "a function, or its import path, of a dict with ``id``, ``vector``, ``sparse_vector``, ``data`` and "
        "``metadata`` that returns what to write, or ``None`` to leave the vector out; if async, it is called for "
        "up to 32 vectors at a time; a vector for which it raises an exception is rejected",
    ] = None
    page_size: Annotated[
        int, "vectors in a request to the source, 1 to 1,000; fewer of more than 1,000 dimensions"
    ] = MAX_ITEMS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prefix is not None:
            object.__setattr__(self, "prefix", validation.identifier(self.prefix, "prefix"))
        if self.filter is not None and not isinstance(self.filter, Filter):
            got = validation.shown(self.filter)
            reason = f"must be a Field expression, such as Field('year') >= 1990, not text: got {got}"
            raise InvalidRequest("filter", f"{reason}. It is evaluated here, since a page has no filter")
        is_path = isinstance(self.transform, str) and _IMPORT_PATH.fullmatch(self.transform)
        if self.transform is not None and not callable(self.transform) and not is_path:
            got = validation.shown(self.transform)
            raise InvalidRequest("transform", f"must be a function or its import path, got {got}")
        validation.whole_number(self.page_size, "page_size", MAX_ITEMS)

    @classmethod
    def run_name(cls) -> str:
        """Return the name of the function in ``bulk`` that takes the options."""
        return "copy"

    def function(self) -> Transform | None:
        """Return the function to transform rows. Raises ``InvalidRequest`` if it cannot be imported."""
        if not isinstance(self.transform, str):
            return self.transform
        try:
            function: Transform = pkgutil.resolve_name(self.transform)
        except (ImportError, AttributeError, ValueError) as error:
            reason = f"{self.transform!r} cannot be imported: {type(error).__name__}: {error}"
            raise InvalidRequest("transform", reason) from error
        if not callable(function):
            raise InvalidRequest("transform", f"{self.transform!r} is not a function")
        return function

    def fingerprint(self) -> str:
        """Return a text of the operation and the options that decide which rows are read and what is sent."""
        function = self.function()
        transform = function and function_fingerprint(function)
        return f"{self.run_name()} {super().fingerprint()} {self.prefix!r} {self.filter} {transform}"


class CopyArguments(SendArguments, total=False):
    """The keyword arguments of :class:`CopyOptions`."""

    max_rows_per_request: int
    request_timeout_seconds: float
    if_not_empty: IfNotEmpty
    prefix: str | None
    filter: Filter | None
    transform: Transform | str | None
    page_size: int
