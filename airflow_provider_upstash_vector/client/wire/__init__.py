"""The wire format: each API call as a path and a body, and the decoding of its response. Pure."""

from airflow_provider_upstash_vector.client.wire.call import Call, CallSequence, headers
from airflow_provider_upstash_vector.client.wire.expiring import expire_namespaces
from airflow_provider_upstash_vector.client.wire.namespaces import (
    delete_namespace,
    info,
    list_namespaces,
    rename_namespace,
)
from airflow_provider_upstash_vector.client.wire.queries import (
    query,
    query_data,
    query_many,
    resumable_query,
    resumable_query_end,
    resumable_query_next,
)
from airflow_provider_upstash_vector.client.wire.reads import PlainPage, fetch, random, range, range_page
from airflow_provider_upstash_vector.client.wire.responses import (
    Response,
    api_error,
    decode,
    retry_after_seconds,
    seconds_until_quota_reset,
)
from airflow_provider_upstash_vector.client.wire.swapping import rollback_namespace, swap_namespace
from airflow_provider_upstash_vector.client.wire.writes import (
    delete,
    encoded_update,
    reset,
    update,
    upsert,
    upsert_data,
)

__all__ = [
    "Call",
    "CallSequence",
    "PlainPage",
    "Response",
    "api_error",
    "decode",
    "delete",
    "delete_namespace",
    "encoded_update",
    "expire_namespaces",
    "fetch",
    "headers",
    "info",
    "list_namespaces",
    "query",
    "query_data",
    "query_many",
    "random",
    "range",
    "range_page",
    "rename_namespace",
    "reset",
    "resumable_query",
    "resumable_query_end",
    "resumable_query_next",
    "retry_after_seconds",
    "rollback_namespace",
    "seconds_until_quota_reset",
    "swap_namespace",
    "update",
    "upsert",
    "upsert_data",
]
