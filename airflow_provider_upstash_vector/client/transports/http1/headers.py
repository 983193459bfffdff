"""The headers of an answer, read again from its bytes by those who ask for them: most do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

NOT_HTTP = (HttpParserError, HttpParserUpgrade)  # the second, for what follows 101, is none of the first


def is_interim(status: int) -> bool:
    """Tell whether another answer follows the one of this status; after 101 none of HTTP/1.1 does."""
    return 100 <= status < 200 and status != 101


class Http1Headers(Mapping[str, str]):
    """The headers of an answer by names in any case, read from its bytes when they are first asked for."""

    __slots__ = ("_fields", "_received")

    def __init__(self, received: list[bytes]) -> None:
        self._received = received
        self._fields: dict[str, str] | None = None

    def _read(self) -> dict[str, str]:
        if self._fields is None:
            self._fields = _HeaderReader(self._received).fields
        return self._fields

    def __getitem__(self, name: str) -> str:
        return self._read()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


class _HeaderReader:
    """Reads the headers of the first answer that is no interim one; of a header given twice the first."""

    def __init__(self, received: list[bytes]) -> None:
        self.fields: dict[str, str] = {}
        self._read = False
        self._parser = HttpResponseParser(self)
        with suppress(*NOT_HTTP):  # only behind the answer, which has been read before
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
