"""Checks of a namespace before it is used: each has a number and a sentence, and a report has them all.

A check of your own is a class with ``run``; what it reads of the sample is in ``uses``.
"""

from airflow_provider_upstash_vector.bulk.checking.base import Check, CheckResult
from airflow_provider_upstash_vector.bulk.checking.counts import CountBetween
from airflow_provider_upstash_vector.bulk.checking.gold import GoldQueries
from airflow_provider_upstash_vector.bulk.checking.namespaces import CheckedNamespace
from airflow_provider_upstash_vector.bulk.checking.report import CheckReport
from airflow_provider_upstash_vector.bulk.checking.running import check, check_async
from airflow_provider_upstash_vector.bulk.checking.sampled import MetadataHas, NoZeroVectors, SelfRecall

__all__ = [
    "Check",
    "CheckReport",
    "CheckResult",
    "CheckedNamespace",
    "CountBetween",
    "GoldQueries",
    "MetadataHas",
    "NoZeroVectors",
    "SelfRecall",
    "check",
    "check_async",
]
