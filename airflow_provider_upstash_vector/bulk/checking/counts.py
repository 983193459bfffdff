"""The check of the number of vectors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from airflow_provider_upstash_vector.bulk.checking.base import Check, CheckResult
from airflow_provider_upstash_vector.bulk.checking.namespaces import CheckedNamespace
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.plurals import plural

_SHARE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*%", re.ASCII)


@dataclass(frozen=True)
class CountBetween(Check):
    """The number of vectors is between two limits: counts, shares of the baseline's as text (``95%``), or none.

    It is that of ``info``, with those that are not indexed yet.
    """

    minimum: int | str | None = 1
    maximum: int | str | None = None

    uses = ()

    def __post_init__(self) -> None:
        """Raise ``InvalidRequest`` for an invalid limit."""
        for name in ("minimum", "maximum"):
            limit = getattr(self, name)
            is_count = isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0
            if not (limit is None or is_count or (isinstance(limit, str) and _SHARE.fullmatch(limit))):
                shown = validation.shown(limit)
                raise InvalidRequest(name, f"must be a count, a share such as '95%', or None, got {shown}")
        low, high = (_limit(limit, 1) for limit in (self.minimum, self.maximum))
        if type(self.minimum) is type(self.maximum) and low is not None and high is not None and low > high:
            raise InvalidRequest("minimum", f"must not be above maximum={self.maximum!r}, got {self.minimum!r}")

    @property
    def needs_baseline(self) -> bool:
        """Whether a limit is a share."""
        return isinstance(self.minimum, str) or isinstance(self.maximum, str)

    def run(self, index: CheckedNamespace) -> CheckResult:
        """Compare the number with the limits."""
        before = index.baseline.count if index.baseline else None
        low, high = (_limit(limit, before or 0) for limit in (self.minimum, self.maximum))
        limits = [f"at least {float(low):,.10g}"] if low is not None else []
        limits += [f"at most {float(high):,.10g}"] if high is not None else []
        expected = f"; expected {' and '.join(limits)}" if limits else ""
        of_baseline = f", the baseline {before:,}" if before is not None else ""
        return self.result(
            passed=(low is None or index.count >= low) and (high is None or index.count <= high),
            value=index.count,
            sentence=f"There are {plural(index.count, 'vector')}{of_baseline}{expected}.",
            baseline=before,
        )


def _limit(limit: int | str | None, before: int) -> Fraction | int | None:
    """Return a limit as an exact number: 64.4 % of 250 vectors are 161."""
    if not isinstance(limit, str):
        return limit
    share = _SHARE.fullmatch(limit)
    return before * Fraction(share[1]) / 100 if share else None
