"""What a check is, and its result."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Collection, Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_upstash_vector.bulk.sources import FindPaths
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk.checking.namespaces import CheckedNamespace

MAX_EXAMPLES = 10
PARTS = frozenset({"vectors", "metadata", "data"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of a check: whether it passed, its number and a sentence.

    ``baseline`` is the number of the baseline, ``examples`` are ids of vectors that explain the number, of which
    the first ten are kept. Numbers of any kind, such as numpy's, become plain ones. Raises ``ValueError`` for one
    that is not finite.
    """

    name: str
    passed: bool
    value: float
    sentence: str
    baseline: float | None = None
    examples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        plain = {
            "name": str(self.name),
            "passed": bool(self.passed),
            "value": _plain_number(self.value),
            "sentence": str(self.sentence),
            "baseline": None if self.baseline is None else _plain_number(self.baseline),
            "examples": tuple(map(str, islice(self.examples, MAX_EXAMPLES))),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return {**asdict(self), "examples": [*self.examples]}


class Check(ABC):
    """A check of a namespace; a subclass has ``run``, which may be a coroutine.

    ``uses`` are the parts of the sampled vectors that it needs, of ``vectors``, ``metadata`` and ``data``; with
    none, there is no sample. A check that uses the sample fails if the namespace has no vectors.
    """

    uses: ClassVar[Collection[str]] = ("vectors", "metadata", "data")

    @property
    def name(self) -> str:
        """The name in reports."""
        return type(self).__name__

    @property
    def needs_baseline(self) -> bool:
        """Whether the check compares with a baseline."""
        return False

    def prepare(self, find_paths: FindPaths) -> Check:  # noqa: ARG002 - for those that read files
        """Return the check with all that it needs, before anything is sent; ``find_paths`` finds its files."""
        return self

    @abstractmethod
    def run(self, index: CheckedNamespace) -> CheckResult | Awaitable[CheckResult]:
        """Return the result for a namespace."""

    def result(
        self,
        *,
        passed: bool,
        value: float,
        sentence: str,
        baseline: float | None = None,
        examples: Iterable[str] = (),
    ) -> CheckResult:
        """Return a result of this check."""
        return CheckResult(
            name=self.name,
            passed=passed,
            value=value,
            sentence=sentence,
            baseline=baseline,
            examples=tuple(examples),
        )


def _plain_number(value: Any) -> float:
    number = +value if isinstance(value, int) else float(value)
    if not math.isfinite(number):
        raise ValueError(f"the number must be finite, got {number}")
    return number


def checked_share(value: object, field: str) -> float:
    """Return a number from 0 to 1."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise InvalidRequest(field, f"must be a number from 0 to 1, got {validation.shown(value)}")
    return value
