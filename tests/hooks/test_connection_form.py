from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_upstash_vector.client import IndexInfo, errors
from airflow_provider_upstash_vector.hooks.connection_form import describe_index, explain
from airflow_provider_upstash_vector.hooks.connection_settings import read_connection
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.provider_info import UI_FIELD_BEHAVIOUR
from tests.support.airflow_home import ROOT
from tests.support.tutorial import tutorial_connection


def info(**fields: object) -> IndexInfo:
    given = {
        "vector_count": 1234,
        "pending_vector_count": 0,
        "index_size": 1,
        "dimension": 384,
        "similarity_function": "COSINE",
        "index_type": "DENSE",
        "namespaces": {"": {"vectorCount": 1234, "pendingVectorCount": 0}},
        **fields,
    }
    return IndexInfo.model_validate(given)


def test_the_docs_say_the_same_of_the_port() -> None:
    advice = UI_FIELD_BEHAVIOUR["placeholders"]["port"]
    assert f"| Port | {advice}" in (ROOT / "docs/how-to/connection.md").read_text()


def test_the_connection_of_the_tutorial() -> None:
    fields = tutorial_connection()
    names = {label: name for name, label in UI_FIELD_BEHAVIOUR["relabeling"].items()}
    connection = {names.get(label, label.lower().replace(" ", "_")): value for label, value in fields.items()}
    port = connection.pop("port")
    assert connection.pop("connection_id") == UpstashVectorHook.default_conn_name
    assert connection.pop("connection_type") == UpstashVectorHook.hook_name
    conn_type = UpstashVectorHook.conn_type
    endpoint = read_connection(Connection(conn_id="x", conn_type=conn_type, port=int(port), **connection)).endpoint
    assert endpoint.url == f"http://127.0.0.1:{port}"


def test_the_description_of_an_index() -> None:
    assert (
        describe_index(info()) == "DENSE index of 384 dimensions (COSINE), 1,234 vectors, 1 namespace: (default)"
    )
    sparse = info(index_type="SPARSE", dimension=0, similarity_function="")
    assert describe_index(sparse).startswith("SPARSE index, 1,234 vectors")


def test_many_namespaces_are_not_all_listed() -> None:
    counts = {"vectorCount": 0, "pendingVectorCount": 0}
    many = info(namespaces=dict.fromkeys(["", *"abcdefg"], counts))
    assert describe_index(many).endswith("8 namespaces: (default), a, b, c, d and 3 more")


def test_names_have_no_terminal_sequences() -> None:
    counts = {"vectorCount": 0, "pendingVectorCount": 0}
    strange = info(namespaces={"\x1b[31mred\x1b[0m\u202e": counts})
    assert describe_index(strange).endswith("1 namespace: red")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (errors.InvalidEndpoint("The REST URL is missing."), "The REST URL is missing."),
        (errors.ConnectionFailed("cannot connect", "dns"), "Cannot connect: the host name cannot be resolved"),
        (errors.ConnectionFailed("cannot connect", "certificate"), "the certificate is not trusted"),
        (errors.ConnectionFailed("cannot connect", "plain_http"), "speaks plain HTTP, not TLS; write http://"),
        (errors.ConnectionFailed("cannot connect", "tls"), "the TLS handshake failed"),
        (errors.ConnectionFailed("cannot connect", "refused"), "connection refused"),
        (errors.ConnectionFailed("cannot connect", "timeout"), "the connection timed out"),
        (errors.ConnectionFailed("cannot connect"), "check the REST URL and, if there is one, the proxy"),
        (errors.ResponseTimeout("no response"), 'raise the extra "timeout"'),
        (errors.ResponseLost("cut"), "try again"),
        (errors.InvalidResponse("not JSON"), "not from an Upstash Vector index"),
        (
            errors.Unauthorized(401, "Unauthorized: Invalid auth token"),
            "use the REST token from the index's Connect tab",
        ),
        (errors.QuotaExceeded(403, "Exceeded daily write limit: 10000", 60), "it is reset at 00:00 UTC"),
        (errors.NotFound(404, "Not found"), "not that of a vector index"),
        (errors.RateLimited(429, "busy"), "the index is throttling requests"),
        (errors.ServerError(502, "Bad gateway"), "the service, or a proxy in front of it, is failing"),
        (errors.ApiError(301, "redirect to https://x"), "check the REST URL"),
        (errors.UpstashVectorError("odd"), "check the connection"),
    ],
)
def test_every_error_comes_with_advice(error: errors.UpstashVectorError, advice: str) -> None:
    assert advice in explain(error)
