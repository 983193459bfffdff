"""All that may show a secret of an error: its texts, its pickle, its causes, and the variables of its frames."""

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
    """Return ways in which servers and proxies echo a secret."""
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
    """Return what no text may hold: any part of the secret, and of its whole encodings."""
    texts = [secret, *spellings(secret).values()]
    return {text[start : start + PART * 2] for text in texts[1:] for start in range(len(text) - PART * 2 + 1)} | {
        secret[start : start + PART] for start in range(len(secret) - PART + 1)
    }


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that it came from."""
    seen: list[BaseException | None] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            yield each
            waiting += [each.__cause__, each.__context__]


def texts_of(error: BaseException) -> str:
    """Return all that an error says, alone and in another process."""
    texts: list[str] = []
    for each in chain(error):
        copy = pickle.loads(pickle.dumps(each))  # noqa: S301 - our own
        texts += [str(each), repr(each), repr(each.args), repr(vars(each)), str(copy), repr(pickle.dumps(each))]
    return "\n".join(texts)


def frames_of(error: BaseException) -> str:
    """Return the variables of all frames but the tests' own, as rich shows them with ``show_locals``."""
    texts: list[str] = []
    for each in chain(error):
        trace = each.__traceback__
        while trace is not None:
            if "/tests/" not in trace.tb_frame.f_code.co_filename:
                for name, value in trace.tb_frame.f_locals.items():
                    texts.append(f"{trace.tb_frame.f_code.co_name} {name}: {value!r} {pretty_repr(value)}")
            trace = trace.tb_next
    return "\n".join(texts)


def assert_not_shown(secret: str, *texts: str) -> None:
    """Assert that no text holds a part of a secret in any of its spellings."""
    parts = forbidden(secret)
    for text in texts:
        found = [part for part in parts if part in text]
        assert not found, f"{sorted(found)[:3]} of the secret in {text[:2000]}"


def none_of(secrets: Iterable[str], error: BaseException) -> None:
    """Assert that an error and its frames show none of the secrets."""
    for secret in secrets:
        assert_not_shown(secret, texts_of(error), frames_of(error))
