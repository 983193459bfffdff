from __future__ import annotations

import json
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client import VectorUpdate, errors, wire
from airflow_provider_upstash_vector.client.errors import InvalidRequest, InvalidResponse
from airflow_provider_upstash_vector.client.redaction import Redactor

NOON = datetime(2026, 3, 31, 12, 0, tzinfo=timezone.utc).timestamp()


def response(body: Any, status: int = 200, **headers: str) -> wire.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return wire.Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


@pytest.mark.parametrize(
    ("namespace", "path"),
    [
        ("", "/update"),
        ("ns", "/update/ns"),
        ("a/b", "/update/a%2Fb"),
        ("../x", "/update/..%2Fx"),
        (".", "/update/%2E"),
        ("..", "/update/%2E%2E"),
        ("ü?#", "/update/%C3%BC%3F%23"),
        ("%41", "/update/%2541"),
        (" ", "/update/%20"),
    ],
)
def test_a_namespace_is_one_path_segment(namespace: str, path: str) -> None:
    assert wire.update(VectorUpdate(id="a", data="x"), namespace).path == path


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_every_namespace_can_be_read_back_from_its_segment(namespace: str) -> None:
    segments = wire.reset(namespace).path.split("/")
    assert len(segments) == 3
    assert unquote(segments[2]) == namespace
    assert segments[2] not in {".", ".."}


def test_a_namespace_that_utf8_cannot_encode_is_rejected() -> None:
    with pytest.raises(InvalidRequest, match="namespace: unpaired surrogate"):
        wire.reset("\udfff")
    with pytest.raises(InvalidRequest, match=r"namespace: must be text, .*, got float 5.0"):
        wire.reset(5.0)  # type: ignore[arg-type]  # the mistake in question


def test_bodies() -> None:
    assert wire.info().body == b""
    assert wire.reset("ns", all=True).path == "/reset?all"
    assert next(wire.upsert([{"id": "a", "vector": [0.1]}])).body == b'[{"id":"a","vector":[0.1]}]'
    assert json.loads(next(wire.fetch(["a"], include_data=True)).body) == {
        "ids": ["a"],
        "includeVectors": False,
        "includeMetadata": False,
        "includeData": True,
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html><p>Sign in</p>", "is not JSON: 'Sign in'"),
        (b"", "is not JSON: ''"),
        (b"\xff\xfe", "is not JSON"),
        ({"updated": 1}, 'has no "result"'),
        ([1], 'has no "result"'),
        ({"result": None}, '"updated" must be of type int'),
        ({"result": {"updated": "1"}}, '"updated" must be of type int'),
        ({"result": {"updated": True}}, '"updated" must be of type int'),
        ({"result": {"updated": 1.0}}, '"updated" must be of type int'),
        ({"result": {"updated": -5}}, '"updated" must be at least 0'),
    ],
)
def test_an_undocumented_response_is_invalid(body: Any, message: str) -> None:
    with pytest.raises(InvalidResponse) as caught:
        wire.decode(wire.update(VectorUpdate(id="a", data="x")), response(body), NOON, Redactor())
    assert message in str(caught.value)


def test_invalid_results_of_other_calls() -> None:
    with pytest.raises(InvalidResponse, match='must be "Success"'):
        wire.decode(wire.reset(), response({"result": "Failure"}), NOON, Redactor())
    with pytest.raises(InvalidResponse, match="vectorCount: Field required"):
        wire.decode(wire.info(), response({"result": {}}), NOON, Redactor())
    with pytest.raises(InvalidResponse, match=r"0\.id"):
        wire.decode(next(wire.fetch(["a"])), response({"result": [{"id": 5}]}), NOON, Redactor())


INFO = {
    "vectorCount": 5,
    "pendingVectorCount": 0,
    "indexSize": 1,
    "dimension": 2,
    "similarityFunction": "COSINE",
    "denseIndex": {"dimension": 2, "similarityFunction": "COSINE"},
    "namespaces": {"": {"vectorCount": 5, "pendingVectorCount": 0}},
}


@pytest.mark.parametrize("wrong", [-1, -0.5, 1.0, "1", True, None])
@pytest.mark.parametrize(
    "path",
    [
        "vectorCount",
        "pendingVectorCount",
        "indexSize",
        "dimension",
        "denseIndex.dimension",
        "namespaces..vectorCount",
        "namespaces..pendingVectorCount",
    ],
)
def test_a_count_of_an_index_is_an_integer_of_at_least_0(path: str, wrong: object) -> None:
    assert wire.decode(wire.info(), response({"result": INFO}), NOON, Redactor()).vector_count == 5
    result: Any = json.loads(json.dumps(INFO))
    *parents, name = path.split(".")
    holder = result
    for parent in parents:
        holder = holder[parent]
    holder[name] = wrong
    with pytest.raises(InvalidResponse):
        wire.decode(wire.info(), response({"result": result}), NOON, Redactor())


@pytest.mark.parametrize("wrong", [-5, 1.0, "1", True, None])
def test_a_count_of_deleted_vectors_is_an_integer_of_at_least_0(wrong: object) -> None:
    with pytest.raises(InvalidResponse, match='"deleted" must be'):
        wire.decode(next(wire.delete(["a"])), response({"result": {"deleted": wrong}}), NOON, Redactor())


@pytest.mark.parametrize(
    ("failed", "message"),
    [
        (response({"error": "Invalid vector dimension", "status": 422}, 422), "Invalid vector dimension"),
        (response(b"<html><h1>502 Bad &amp; ugly</h1>\n nginx</html>", 502), "502 Bad & ugly nginx"),
        (response(b"upstream   timed\nout", 504), "upstream timed out"),
        (response(b"", 500), "(empty response)"),
        (response({"error": 5}, 500), '{"error": 5}'),
        (
            response(b"", 301, location="https://elsewhere/"),
            "redirect to https://elsewhere/, which is not followed",
        ),
        (response(b"x" * 5000, 500), "x" * 300 + "…"),
    ],
)
def test_the_text_of_a_response_becomes_readable(failed: wire.Response, message: str) -> None:
    assert wire.api_error(failed, NOON, Redactor()).server_message == message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("-1", None),
        ("1e3", None),
        ("٣", None),
        ("9" * 400, None),
        ("soon", None),
        (format_datetime(datetime(2026, 3, 31, 12, 1, tzinfo=timezone.utc), usegmt=True), 60.0),
        ("Tue, 31 Mar 2026 12:00:30 -0000", 30.0),
        ("Tue, 31 Mar 2026 11:00:00 GMT", 0.0),
        ("Tue, 99 Mar 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert wire.retry_after_seconds(header, NOON) == seconds


def test_the_quota_is_reset_at_midnight_utc() -> None:
    error = wire.api_error(
        response({"error": "Exceeded daily write limit: 10000", "status": 403}, 403), NOON, Redactor()
    )
    assert isinstance(error, errors.QuotaExceeded)
    assert error.retry_after == 12 * 3600
    midnight = datetime(2026, 12, 31, tzinfo=timezone.utc).timestamp()
    assert wire.seconds_until_quota_reset(midnight) == 24 * 3600


@given(st.binary(max_size=300), st.integers(100, 599))
def test_any_response_gives_a_result_or_an_error_of_the_tree(body: bytes, status: int) -> None:
    try:
        result = wire.decode(wire.update(VectorUpdate(id="a", data="x")), response(body, status), NOON, Redactor())
    except (errors.ApiError, InvalidResponse):
        return
    assert isinstance(result, int)
