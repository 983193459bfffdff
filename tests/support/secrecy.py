"""Checks that an error does not show a secret: in its texts, pickle, causes or the variables of its frames."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote

from rich.pretty import pretty_repr

PART = 12


def spellings(secret: str) -> dict[str, str]:
    """Return the encodings in which servers and proxies echo a secret."""
    return {
        "plain": secret,
        "json": json.dumps(secret)[1:-1].replace("/", "\\/").replace("-", "\\u002d"),
        "json, all escaped": "".join(f"\\u{ord(character):04X}" for character in secret),
        "percent": quote(secret, safe=""),
        "percent, all": "".join(f"%{byte:02x}" for byte in secret.encode()),
        "percent, twice": quote(quote(secret, safe=""), safe=""),
        "html": escape(secret).replace("-", "&#45;").replace("_", "&#x5F;"),
        "base64": base64.b64encode(secret.encode()).decode(),
        "base64 of Bearer": base64.b64encode(f"Bearer {secret}".encode()).decode(),
        "base64url": base64.urlsafe_b64encode(f'{{"sent":"{secret}"}}'.encode()).decode().rstrip("="),
        "base64 of user and password": base64.b64encode(f"us:{secret}".encode()).decode(),
    }


def forbidden(secret: str) -> set[str]:
    """Return what no text may contain: any part of the secret or of its encodings."""
    texts = [secret, *spellings(secret).values()]
    return {text[start : start + PART * 2] for text in texts[1:] for start in range(len(text) - PART * 2 + 1)} | {
        secret[start : start + PART] for start in range(len(secret) - PART + 1)
    }


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, its causes and its contexts."""
    seen: list[BaseException | None] = []
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if current is not None and current not in seen:
            seen.append(current)
            yield current
            waiting += [current.__cause__, current.__context__]


def texts_of(error: BaseException) -> str:
    """Return all texts of an error and its causes, also after unpickling."""
    texts: list[str] = []
    for link in chain(error):
        copy = pickle.loads(pickle.dumps(link))  # noqa: S301 - our own
        texts += [str(link), repr(link), repr(link.args), repr(vars(link)), str(copy), repr(pickle.dumps(link))]
    return "\n".join(texts)


def frames_of(error: BaseException) -> str:
    """Return the variables of all frames except the tests', as rich shows them with ``show_locals``."""
    texts: list[str] = []
    for link in chain(error):
        trace = link.__traceback__
        while trace is not None:
            if "/tests/" not in trace.tb_frame.f_code.co_filename:
                for name, value in trace.tb_frame.f_locals.items():
                    texts.append(f"{trace.tb_frame.f_code.co_name} {name}: {value!r} {pretty_repr(value)}")
            trace = trace.tb_next
    return "\n".join(texts)


def assert_not_shown(secret: str, *texts: str) -> None:
    """Assert that no text contains a part of a secret in any of its encodings."""
    parts = forbidden(secret)
    for text in texts:
        shown = [part for part in parts if part in text]
        assert not shown, f"{sorted(shown)[:3]} of the secret in {text[:2000]}"


def assert_no_secret(secrets: Iterable[str], error: BaseException) -> None:
    """Assert that an error and its frames show none of the secrets."""
    for secret in secrets:
        assert_not_shown(secret, texts_of(error), frames_of(error))
