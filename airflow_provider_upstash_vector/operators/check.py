"""The operator that checks a namespace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException, Context, XComArg

from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.airflow_errors import airflow_errors, log_error
from airflow_provider_upstash_vector.bulk.checking import Check
from airflow_provider_upstash_vector.bulk.checking.running import check_baseline, checked_checks
from airflow_provider_upstash_vector.lineage import ReadResult
from airflow_provider_upstash_vector.operators.base.arguments import optional_text, rendered_value
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin
from airflow_provider_upstash_vector.operators.base.narrowing import refuse_unset, set_arguments

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk.checking import CheckReport

_COUNT = "a whole number"


class CheckVectorsOperator(LineageMixin):
    """Check a namespace before it is used, with the index's read-only token; return the report.

    The task fails, without retries, if a check fails; downstream tasks then do not run. The report is in XCom in
    both cases, and as Markdown with the key ``markdown``. Vectors that are not indexed yet are not found by
    queries: wait for them first, with ``UpstashVectorIndexReadySensor`` or ``wait_until_indexed``.

    :param checks: the checks, e.g. ``[NoZeroVectors(), CountBetween("95%", None)]``; never templates.
    :param namespace: ``None`` for the connection's, ``""`` for the index's default one; a template may render to
        neither.
    :param baseline: a namespace of the same index to compare with, usually the one that is in use.
    :param sample: the number of vectors that are read, up to 10,000.
    :param seed: another one selects other vectors.
    :param on_failure: ``"fail"``, or ``"warn"`` to log the failed checks only.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    template_fields: Sequence[str] = ("namespace", "baseline", "sample", "seed", "upstash_vector_conn_id")
    template_ext: Sequence[str] = ()
    shallow_copy_attrs: Sequence[str] = ("checks",)  # one may hold a model, which cannot be copied
    ui_color = "#fef3c7"

    def __init__(
        self,
        *,
        checks: Sequence[Check],
        namespace: str | XComArg | None = None,
        baseline: str | XComArg | None = None,
        sample: int | str | XComArg = 1_000,
        seed: int | str | XComArg = 0,
        on_failure: Literal["fail", "warn"] = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if on_failure not in {"fail", "warn"}:
            raise ValueError(f"on_failure must be fail or warn, got {on_failure!r}")
        check_baseline(checked_checks(checks), unwrap(baseline), unwrap(namespace))
        self.checks = checks
        self.namespace = namespace
        self.baseline = baseline
        self._set = set_arguments(namespace=namespace)
        self.sample = sample
        self.seed = seed
        self.on_failure = on_failure

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the checks; return the report."""
        self.unwrap_fields()
        with airflow_errors("check", namespace=self.namespace), self.hook as hook:
            self.persist_link(context)
            refuse_unset(self, self._set)
            report = hook.check(
                self.checks,
                namespace=optional_text(self.namespace, "namespace"),
                baseline=optional_text(self.baseline, "baseline"),
                sample=rendered_value(self.sample, "sample", _COUNT),
                seed=rendered_value(self.seed, "seed", _COUNT),
            )
            namespaces = [report.namespace] if report.baseline is None else [report.namespace, report.baseline]
            self.emit_read(ReadResult(host=hook.settings.endpoint.url, namespaces=namespaces))
        self._report(context, report)
        result: dict[str, Any] = report.to_dict()
        return result

    def _report(self, context: Context, report: CheckReport) -> None:
        """Log the table, and push what a task that fails leaves."""
        place = f"namespace {report.namespace!r}" if report.namespace else "the default namespace"
        self.log.info("Checks of %s, %s of %s vectors sampled:\n%s", place, report.sampled, report.count, report)
        outcomes = {"passed": len(report.results) - len(report.failed), "failed": len(report.failed)}
        metrics.emit_metrics("checks", outcomes, report.request_stats)
        fails = not report.passed and self.on_failure == "fail"
        if self.do_xcom_push:
            context["ti"].xcom_push(key="markdown", value=report.to_markdown())
            if fails:
                context["ti"].xcom_push(key="return_value", value=report.to_dict())
        if not report.passed:
            sentences = "; ".join(f"{result.name}: {result.sentence}" for result in report.failed)
            message = f"{len(report.failed)} of {len(report.results)} checks of {place} failed: {sentences}"
            if fails:
                log_error(message)
                raise AirflowFailException(message)
            self.log.warning(message)
