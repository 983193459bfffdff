"""Response headers, parsed from the received bytes on first access, since most responses do not need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD_BYTES = 64 * 1024
HEAD_TOO_LARGE = f"the response headers are larger than {MAX_HEAD_BYTES // 1024} KB"
NOT_HTTP = (HttpParserError, HttpParserUpgrade)  # the second, after 101, is not a subclass of the first


def is_interim(status: int) -> bool:
    """Return whether this is an interim (1xx) response; 101 is not."""
    return 100 <= status < 200 and status != 101


class Http1Headers(Mapping[str, str]):
    """Case-insensitive headers of a response, parsed on first access."""

    __slots__ = ("_fields", "_received")

    def __init__(self, received: list[bytes]) -> None:
        self._received = received
        self._fields: dict[str, str] | None = None

    def _parse(self) -> dict[str, str]:
        if self._fields is None:
            self._fields = _HeaderReader(self._received).fields
        return self._fields

    def __getitem__(self, name: str) -> str:
        return self._parse()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parse())

    def __len__(self) -> int:
        return len(self._parse())


class _HeaderReader:
    """Reads the headers of the first response that is not interim; of repeated headers, the first."""

    def __init__(self, received: list[bytes]) -> None:
        self.fields: dict[str, str] = {}
        self._read = False
        self._parser = HttpResponseParser(self)
        with suppress(*NOT_HTTP):  # only after the response, which was parsed before
            for data in received:
                self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._read:
            self.fields.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        if self._read:
            return
        self._read = not is_interim(self._parser.get_status_code())
        if not self._read:
            self.fields.clear()
