from __future__ import annotations

import pytest

from airflow_provider_upstash_vector.client import IndexInfo, errors
from airflow_provider_upstash_vector.hooks.connection_form import describe_index, explain


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
        (errors.ConnectionFailed("cannot connect", "tls"), "the TLS certificate is not trusted"),
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
