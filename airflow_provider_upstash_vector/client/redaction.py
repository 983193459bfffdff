"""Removes secrets and control characters from text of servers, proxies and libraries, and frames from errors.

Secrets are found as they are, escaped as in JSON, percent-encoded, as HTML entities, in any mixture of these, and
in base64 at any offset. Text that still contains a part of one, cut, wrapped or encoded twice, is dropped
entirely.
"""

from __future__ import annotations

import base64
import re
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property, wraps
from html import unescape
from html.entities import codepoint2name
from typing import ParamSpec, TypeVar
from urllib.parse import unquote

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

MAX_SHOWN_CHARS = 300
HIDDEN = "***"
DROPPED = "(text dropped: it contained part of a credential)"

_MAX_READ_CHARS = 64 * 1024
# Length of the part of a secret that must not be shown; a shorter secret counts as a whole.
_PART_CHARS = 12
_MIN_PART_CHARS = 6
_MIN_BASE64_CHARS = 8
_MAX_ENCODINGS = 3

_TERMINAL_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colors, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS and the like: titles, links
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_JSON_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{12,}")
_HEX_RUN = re.compile(r"(?:[0-9a-fA-F]{2}){12,}")


def printable(text: str) -> str:
    """Return text as one line without terminal sequences, control characters and direction marks."""
    line = " ".join(_TERMINAL_SEQUENCES.sub("", text).split())
    return line if line.isprintable() else "".join(filter(str.isprintable, line))


class Redactor:
    """Removes secrets from text; its own ``repr`` does not show them."""

    def __init__(self, *secrets: str) -> None:
        self._secrets: list[str] = []
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Remove these secrets too."""
        variants = {variant for secret in secrets for variant in (secret, printable(secret)) if variant}
        self._secrets = sorted(variants.union(self._secrets), key=len, reverse=True)
        for derived in ("_encoded", "_pattern", "_parts"):
            vars(self).pop(derived, None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def redact(self, text: str) -> str:
        """Return at most 300 characters of ``text`` as one line, without HTML tags and secrets."""
        start = text[:_MAX_READ_CHARS]
        if start.lstrip().startswith("<"):
            start = unescape(re.sub(r"<[^>]*>", " ", start))
        line = self._without_secrets(printable(start))
        shown = line if len(line) <= MAX_SHOWN_CHARS else line[:MAX_SHOWN_CHARS] + "…"
        return DROPPED if self._contains_part(shown) else shown

    def _without_secrets(self, line: str) -> str:
        # a quick check first: the pattern takes some 50 ms to compile
        suspicious = any(secret in line for secret in self._secrets) or self._encoded.search(line)
        return self._pattern.sub(HIDDEN, line) if suspicious and self._secrets else line

    @cached_property
    def _encoded(self) -> re.Pattern[str]:
        """A pattern for text that may contain an encoded secret: an escape, or enough base64."""
        shortest = min((len(secret) for secret in self._secrets), default=0)
        return re.compile(rf"[\\%&+]|[A-Za-z0-9/_-]{{{max(_MIN_BASE64_CHARS, shortest * 8 // 6 - 3)},}}")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        spelled = ["".join(map(_spellings, secret)) for secret in self._secrets]
        return re.compile(
            "|".join([*spelled, *(pattern for secret in self._secrets for pattern in _in_base64(secret))])
        )

    @cached_property
    def _parts(self) -> dict[int, set[str]]:
        """The parts of the secrets, by their length."""
        parts: dict[int, set[str]] = {}
        for secret in self._secrets:
            size = min(len(secret), _PART_CHARS)
            if size >= _MIN_PART_CHARS:
                starts = range(len(secret) - size + 1)
                parts.setdefault(size, set()).update(secret[start : start + size] for start in starts)
        return parts

    def _contains_part(self, text: str) -> bool:
        return any(
            reading[start : start + size] in parts
            for size, parts in self._parts.items()
            for reading in _readings(text)
            for start in range(len(reading) - size + 1)
        )


def _spellings(character: str, *others: str) -> str:
    """Return a pattern for a character, or one of ``others``, plain and in every encoding."""
    return f"(?:{'|'.join(spelling for variant in (character, *others) for spelling in _spelled(variant))})"


def _spelled(character: str) -> Iterator[str]:
    code = ord(character)
    yield r"(?:\s+|\+)" if character.isspace() else re.escape(character)
    yield rf"\\+{re.escape(character)}"
    units = character.encode("utf-16-be", "surrogatepass").hex()
    yield "".join(rf"\\+u(?i:{units[start : start + 4]})" for start in range(0, len(units), 4))
    if code < 256:
        yield rf"\\+x(?i:{code:02x})"
    yield "".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode(errors="surrogatepass"))
    yield f"&(?:amp;)*(?:#0*{code}|#[xX]0*(?i:{code:x})" + (
        f"|{codepoint2name[code]});?" if code in codepoint2name else ");?"
    )


def _in_base64(secret: str) -> Iterator[str]:
    """Yield a pattern for each offset of a secret's bytes in the encoded text."""
    content = secret.encode(errors="surrogatepass")
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + content).decode()
        # the characters that encode nothing but the secret
        whole = encoded[-(-offset * 8 // 6) : (offset + len(content)) * 8 // 6]
        if len(whole) >= _MIN_BASE64_CHARS:
            yield "".join(_spellings(digit, *{"+": "-", "/": "_"}.get(digit, "")) for digit in whole)


def _readings(text: str) -> set[str]:
    """Return the text and its possible decodings."""
    seen = {text}
    fresh = {text}
    for _ in range(_MAX_ENCODINGS):
        fresh = {decoded for reading in fresh for decoded in _decoded(reading)} - seen
        seen |= fresh
    return seen


def _decoded(text: str) -> Iterator[str]:
    yield re.sub(r"[\s\\]", "", text)
    yield unquote(text)
    yield unescape(text)
    yield _JSON_ESCAPE.sub(lambda escape: chr(int(escape[1] or escape[2], 16)), text)
    for run in _HEX_RUN.findall(text):
        yield bytes.fromhex(run).decode(errors="replace")
    for run in _BASE64_RUN.findall(text):
        standard = run.replace("-", "+").replace("_", "/")
        for offset in range(4):
            whole = standard[offset : offset + (len(standard) - offset) // 4 * 4]
            with suppress(NotBase64):
                yield base64.b64decode(whole).decode(errors="replace")


def without_frames(error: E) -> E:
    """Return an error without its traceback, cause and context, whose frames may hold secrets."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def hiding_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function so that the tracebacks of its errors show neither its arguments nor its variables."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised below, without a context
            failure = without_frames(error)
        del args, kwargs
        raise failure

    return wrapper
