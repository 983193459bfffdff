"""The checks of sampled vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_upstash_vector.bulk.checking.base import Check, CheckResult, checked_share
from airflow_provider_upstash_vector.bulk.checking.namespaces import CheckedNamespace
from airflow_provider_upstash_vector.client import FetchedVector, Field, validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models.queries import MAX_TOP_K


@dataclass(frozen=True)
class NoZeroVectors(Check):
    """No sampled vector is zero, which no query finds: some embedding services return it after an error."""

    uses = ("vectors",)

    def run(self, index: CheckedNamespace) -> CheckResult:
        """Count the zero vectors."""
        zero = [vector.id for vector in index.sample if is_zero(vector)]
        sentence = f"{len(zero):,} of {len(index.sample):,} sampled vectors are zero."
        return self.result(passed=not zero, value=len(zero), sentence=sentence, examples=zero)


class MetadataHas(Check):
    """Of the sampled vectors, at least the share ``least`` has each of the fields in its metadata.

    A field may be nested (``a.b``); one that is null is there.
    """

    uses = ("metadata",)

    def __init__(self, *fields: str, least: float = 1.0) -> None:
        if not fields:
            raise InvalidRequest("MetadataHas", "needs a field")
        self.fields = fields
        self.least = checked_share(least, "least")
        self._exist = {field: Field(field).exists() for field in fields}

    def __repr__(self) -> str:
        return f"MetadataHas({', '.join(map(repr, self.fields))}, least={self.least})"

    def run(self, index: CheckedNamespace) -> CheckResult:
        """Return the share of vectors with all fields."""
        lacking = {
            vector.id: [field for field, exists in self._exist.items() if not exists.matches(vector.metadata)]
            for vector in index.sample
        }
        incomplete = {id: fields for id, fields in lacking.items() if fields}
        counts = {field: sum(field in fields for fields in incomplete.values()) for field in self.fields}
        share = (len(lacking) - len(incomplete)) / len(lacking)  # exact where the limit is
        details = ", ".join(f"{field!r} is missing in {count:,}" for field, count in counts.items() if count)
        return self.result(
            passed=share >= self.least,
            value=share,
            sentence=f"{share:.2%} of {len(lacking):,} sampled vectors have {', '.join(map(repr, self.fields))}"
            f"{f' ({details})' if details else ''}; expected at least {self.least:.2%}.",
            examples=incomplete,
        )


@dataclass(frozen=True)
class SelfRecall(Check):
    """Queries by the sampled vectors find them among the first ``at`` results, at least the share ``least``.

    A vector whose duplicate is found counts as found.
    """

    at: int = 1
    least: float = 0.98

    uses = ("vectors",)

    def __post_init__(self) -> None:
        """Raise ``InvalidRequest`` for an invalid number."""
        validation.whole_number(self.at, "at", MAX_TOP_K)
        checked_share(self.least, "least")

    async def run(self, index: CheckedNamespace) -> CheckResult:
        """Query by each vector; return the share of those that are found."""
        queried = [vector for vector in index.sample if not is_zero(vector)]
        results = await index.query({**_parts(vector), "top_k": self.at} for vector in queried)
        others = {
            vector.id: [result.id for result in found]
            for vector, found in zip(queried, results, strict=True)
            if vector.id not in {result.id for result in found}
        }
        lost = await _without_duplicates(index, {vector.id: vector for vector in queried}, others)
        lost += [vector.id for vector in index.sample if is_zero(vector)]
        share = (len(index.sample) - len(lost)) / len(index.sample)  # as above
        return self.result(
            passed=share >= self.least,
            value=share,
            sentence=f"{share:.2%} of {len(index.sample):,} sampled vectors are found by a query for themselves "
            f"among the first {self.at:,}; expected at least {self.least:.2%}.",
            examples=lost,
        )


async def _without_duplicates(
    index: CheckedNamespace, vectors: dict[str, FetchedVector], others: dict[str, list[str]]
) -> list[str]:
    """Return the ids for which none of the vectors that were found instead is equal."""
    ids = sorted({id for found in others.values() for id in found})
    stored = dict(zip(ids, await index.fetch(ids, include_vectors=True), strict=True))
    return [
        id
        for id, found in others.items()
        if not any((other := stored[one]) and _parts(other) == _parts(vectors[id]) for one in found)
    ]


def _parts(vector: FetchedVector) -> dict[str, Any]:
    sparse = vector.sparse_vector
    parts = {"vector": vector.vector, "sparse_vector": sparse.model_dump() if sparse and sparse.indices else None}
    return {name: part for name, part in parts.items() if part is not None}


def is_zero(vector: FetchedVector) -> bool:
    """Return whether a vector has no number but 0, in its dense and its sparse part."""
    sparse = vector.sparse_vector
    return not any(vector.vector or ()) and not any(sparse.values if sparse else ())
