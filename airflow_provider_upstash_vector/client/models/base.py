"""Base classes of the models: the service's camelCase names, no unknown fields, one kind of error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest

if TYPE_CHECKING:
    from typing_extensions import Self


class RequestModel(BaseModel, ABC):
    """A model that is sent. Raises :class:`InvalidRequest` for any invalid field."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    if not TYPE_CHECKING:  # pragma: no branch - types come from the fields

        def __init__(self, /, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise _invalid_request(error) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(self.to_json())

    @classmethod
    def of(cls, value: Self | Mapping[str, Any]) -> Self:
        """Return ``value``, or the model of a mapping of its fields by Python or JSON name."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise InvalidRequest(cls.__name__, f"must be an object with its fields, got {validation.shown(value)}")
        return cls(**{str(name): part for name, part in value.items()})

    def to_json(self) -> bytes:
        """Return the JSON to send: vectors in shortest float32 form, without the fields that are not set."""
        return orjson.dumps(self.wire_fields(), option=orjson.OPT_SERIALIZE_NUMPY)

    @abstractmethod
    def wire_fields(self) -> dict[str, Any]:
        """Return the fields that are set, by the service's names, for orjson."""


class ResponseModel(BaseModel):
    """A model that is received. Unknown fields are ignored, since the service may add some."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return the items whose value is not ``None``."""
    return {name: value for name, value in values.items() if value is not None}


def _invalid_request(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidRequest):
        return cause
    field = ".".join(str(part) for part in first["loc"])
    reasons = {"extra_forbidden": "there is no such field", "missing": "is required"}
    return InvalidRequest(field, reasons.get(first["type"], first["msg"]))
