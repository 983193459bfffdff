from __future__ import annotations

import pickle

import pytest

from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.client.models.endpoint import location


@pytest.mark.parametrize(
    ("pasted", "url"),
    [
        ("https://my-index.upstash.io", "https://my-index.upstash.io"),
        ("https://my-index.upstash.io/", "https://my-index.upstash.io"),
        ("  https://my-index.upstash.io\n", "https://my-index.upstash.io"),
        ('"https://my-index.upstash.io"', "https://my-index.upstash.io"),
        ("“https://my-index.upstash.io/”", "https://my-index.upstash.io"),
        ("my-index.upstash.io", "https://my-index.upstash.io"),
        ("My-Index.Upstash.io:443", "https://my-index.upstash.io"),
        ("https://my-index.upstash.io:0", "https://my-index.upstash.io"),
        ("https://my-index.upstash.io:8443", "https://my-index.upstash.io:8443"),
        ("HTTPS://MY-INDEX.upstash.io", "https://my-index.upstash.io"),
        ("http://127.0.0.1:8079/", "http://127.0.0.1:8079"),
        ("http://localhost:80", "http://localhost"),
        ("http://index.localhost", "http://index.localhost"),
        ("http://[::1]:8079", "http://[::1]:8079"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_a_pasted_url_is_repaired(pasted: str, url: str) -> None:
    assert Endpoint.of(pasted, "token").url == url


@pytest.mark.parametrize(
    ("pasted", "advice"),
    [
        (None, "The REST URL is missing: copy it"),
        ("", "The REST URL is missing"),
        ('""', "The REST URL is missing"),
        (
            "http://my-index.upstash.io",
            'plain http, which would send the token unencrypted: write https://, or set the extra "allow_http"',
        ),
        ("ftp://my-index.upstash.io", "write https:// instead"),
        ("https://", "has no valid host"),
        ("https://a b", "has no valid host"),
        ("http://127.0.0.1\0.my-index.upstash.io", "has no valid host"),  # resolved up to the null character
        ("https://x.upstash.io:99999", "is not a valid URL"),
        ("https://[::1", "is not a valid URL"),
        ("https://" + "x" * 70 + ".io", "is not a valid URL"),
        ("https://default:secret@x.upstash.io", "put the token into the password field"),
        ("https://x.upstash.io/update", "remove everything after 'x.upstash.io'"),
        ("https://x.upstash.io?a=1", "remove everything after"),
    ],
)
def test_an_unusable_url_is_explained_in_one_sentence(pasted: str | None, advice: str) -> None:
    with pytest.raises(InvalidEndpoint) as caught:
        Endpoint.of(pasted, "token")
    assert advice in str(caught.value)
    assert "secret" not in str(caught.value)


def test_plain_http_is_accepted_if_it_is_allowed() -> None:
    assert Endpoint.of("http://index.test", "token", allow_http=True).url == "http://index.test"


@pytest.mark.parametrize("pasted", ["token", " token\n", '"token"', "Bearer token", "bearer  'token'"])
def test_a_pasted_token_is_repaired(pasted: str) -> None:
    assert Endpoint.of("x.io", pasted).token.get_secret_value() == "token"


@pytest.mark.parametrize(
    ("pasted", "advice"),
    [
        (None, "The REST token is missing: copy it"),
        ("", "The REST token is missing"),
        ("' '", "The REST token is missing"),
        ("***", "The REST token is masked (***): enter the token again"),
        ("two words", "contains a space"),
        ("line\r\nX-Injected: 1", "contains a space"),
        ("tokén", "another invalid character"),
    ],
)
def test_an_unusable_token_is_explained_without_showing_it(pasted: str | None, advice: str) -> None:
    with pytest.raises(InvalidEndpoint) as caught:
        Endpoint.of("x.io", pasted)
    assert advice in str(caught.value)
    assert "Injected" not in str(caught.value)


def test_the_token_is_not_in_the_repr() -> None:
    endpoint = Endpoint.of("x.io", "s3cr3t")
    assert "s3cr3t" not in f"{endpoint!r} {endpoint} {endpoint.model_dump()} {endpoint.model_dump_json()}"
    assert pickle.loads(pickle.dumps(endpoint)) == endpoint  # noqa: S301 - our own


def test_from_the_environment() -> None:
    environ = {"UPSTASH_VECTOR_REST_URL": "x.io", "UPSTASH_VECTOR_REST_TOKEN": "t"}
    assert Endpoint.from_env(environ) == Endpoint.of("x.io", "t")
    with pytest.raises(InvalidEndpoint, match="REST URL is missing"):
        Endpoint.from_env({})


def test_the_location_is_the_same_for_all_spellings_of_a_url() -> None:
    for spellings in (
        (
            "https://bücher.example",
            "http://XN--bcher-kva.example.:80/",
            "bücher.example:443",
            "HTTPS://BÜCHER.example/",
        ),
        ("http://localhost:8079", "http://127.0.0.1:8079/", "http://[::1]:8079", "http://[::ffff:127.0.0.1]:8079"),
        ("https://[2001:db8::1]", "https://[2001:DB8:0:0::1]:443"),
    ):
        assert len({location(url) for url in spellings}) == 1
    others = ("https://a.io", "https://b.io", "https://a.io:8443", "http://a.localhost", "http://b.localhost")
    assert len({location(url) for url in (*others, "http://127.0.0.2", f"http://{'x' * 64}.io")}) == 7
