"""What the models share: the service's camelCase names, no unknown fields, and one kind of error."""

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


class Sent(BaseModel, ABC):
    """Something that is sent. Whatever is wrong with it is told as :class:`InvalidRequest`."""

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
                raise _invalid_update(error) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(self.to_json())

    @classmethod
    def of(cls, value: Self | Mapping[str, Any]) -> Self:
        """Return the model itself, or one from a mapping with its fields, under their Python or JSON names."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise InvalidRequest(cls.__name__, f"must be an object with its fields, got {validation.shown(value)}")
        return cls(**{str(name): part for name, part in value.items()})

    def to_json(self) -> bytes:
        """Return the JSON object to send: vectors in shortest float32 form, absent fields left out."""
        return orjson.dumps(self.wire_fields(), option=orjson.OPT_SERIALIZE_NUMPY)

    @abstractmethod
    def wire_fields(self) -> dict[str, Any]:
        """Return the fields that are set under the service's names, ready for orjson."""


class Received(BaseModel):
    """Something that came back. Fields that the service adds later are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are not ``None``."""
    return {name: value for name, value in values.items() if value is not None}


def _invalid_update(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidRequest):
        return cause
    field = ".".join(str(part) for part in first["loc"])
    reasons = {"extra_forbidden": "there is no such field", "missing": "is required"}
    return InvalidRequest(field, reasons.get(first["type"], first["msg"]))
