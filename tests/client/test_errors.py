from __future__ import annotations

import copy
import pickle

import pytest

from airflow_provider_upstash_vector.client import errors
from airflow_provider_upstash_vector.client.errors import ApiError, UpstashVectorError
from airflow_provider_upstash_vector.client.wire.responses import error_class
from airflow_provider_upstash_vector.dev_server.commands import COMMANDS


def all_errors() -> list[UpstashVectorError]:
    instances: list[UpstashVectorError] = []
    kinds: list[type[UpstashVectorError]] = [UpstashVectorError]
    while kinds:
        kind = kinds.pop()
        kinds += [subclass for subclass in kind.__subclasses__() if subclass.__module__ == errors.__name__]
        if issubclass(kind, ApiError):
            instances.append(kind(429, "slow down", 1.5))
        elif kind is errors.InvalidRequest:
            instances.append(kind("vector", "must not be empty"))
        elif kind is errors.ConnectionFailed:
            instances.append(kind("cannot connect", "dns"))
        else:
            instances.append(kind("went wrong"))
    return instances


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("copy_of", [lambda error: pickle.loads(pickle.dumps(error)), copy.deepcopy])  # noqa: S301 - our own
def test_every_error_survives_pickling(error: UpstashVectorError, copy_of: object) -> None:
    error.add_context(call="update", namespace="ns", id="doc-1", attempts=3)
    twin = copy_of(error)  # type: ignore[operator]  # one of the two functions above
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)
    assert twin.args == error.args


def test_the_tree_is_as_drawn() -> None:
    names = {type(error).__name__ for error in all_errors()}
    assert all(name in (errors.__doc__ or "") for name in names)


def test_the_message_names_call_id_namespace_and_attempts() -> None:
    error = errors.BadRequest(422, "Invalid vector dimension: 2, expected: 256")
    assert str(error) == "422 Invalid vector dimension: 2, expected: 256"
    error.add_context(call="update", namespace="ns", id="doc-1", attempts=1)
    assert str(error) == "update of 'doc-1' in namespace 'ns': 422 Invalid vector dimension: 2, expected: 256"
    error.add_context(call="upsert", namespace="", id=None, attempts=5)
    assert str(error).startswith("upsert in the default namespace: 422")
    assert str(error).endswith("(after 5 attempts)")
    error.add_context(call="info", namespace=None, id=None, attempts=1)
    assert str(error).startswith("info: 422")
    assert str(errors.RateLimited(429, "slow down", 30)) == "429 slow down (retry after 30 s)"
    assert str(errors.UpstashVectorError()) == "UpstashVectorError"


@pytest.mark.parametrize(
    ("status", "message", "kind", "retryable"),
    [
        (400, "", errors.BadRequest, False),
        (422, "", errors.BadRequest, False),
        (401, "", errors.Unauthorized, False),
        (403, "Forbidden", errors.Unauthorized, False),
        (403, "Exceeded daily write limit: 10000", errors.QuotaExceeded, False),
        (429, "Exceeded daily write limit: 10000", errors.RateLimited, True),
        (404, "", errors.NotFound, False),
        (413, "", errors.PayloadTooLarge, False),
        (408, "", errors.ServerError, True),
        (425, "", errors.ServerError, True),
        (500, "", errors.ServerError, True),
        (502, "", errors.ServerError, True),
        (599, "", errors.ServerError, True),
        (405, "", errors.ApiError, False),
        (301, "", errors.ApiError, False),
    ],
)
def test_status_to_class(status: int, message: str, kind: type[ApiError], retryable: bool) -> None:
    assert error_class(status, message) is kind
    assert kind.retryable is retryable


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_write_says_that_the_token_may_be_the_read_only_one(command: str, status: int) -> None:
    error = errors.Unauthorized(status, "Forbidden")
    error.add_context(call=command.replace("-", "_"), namespace=None, id=None, attempts=1)
    refused = COMMANDS[command].writes and status == 403
    assert ("may be the read-only one" in str(error)) is refused
