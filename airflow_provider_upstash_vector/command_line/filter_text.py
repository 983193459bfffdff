"""Filters as text, ``year < 1990 AND genre IN ('drama', 'war')``, for what evaluates them itself.

The language is that of the service's Metadata Filtering page; ``AND`` binds tighter than ``OR``.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from typing import Any, NoReturn

from airflow_provider_upstash_vector.client import Field, Filter
from airflow_provider_upstash_vector.client.errors import InvalidRequest

MAX_DEPTH = 50
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'[^']*'|"[^"]*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<word>[a-zA-Z_][a-zA-Z_0-9.\[\]\#-]*)
      | (?P<sign><=|>=|!=|[=<>(),])
    )""",
    re.VERBOSE | re.ASCII,
)
_CONDITIONS: dict[str, Callable[[Field, Any], Filter]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "GLOB": Field.glob,
    "NOT GLOB": Field.not_glob,
    "IN": Field.isin,
    "NOT IN": Field.not_in,
    "CONTAINS": Field.contains,
    "NOT CONTAINS": Field.not_contains,
}


def parsed_filter(text: str) -> Filter:
    """Return a filter. Raises ``InvalidRequest`` with what was expected, and where."""
    parser = _Parser(text)
    tree = parser.any_of(0)
    return tree if parser.at_end() else parser.fail("AND, OR or its end")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def any_of(self, depth: int) -> Filter:
        tree = self._all_of(depth)
        while self._take("OR"):
            tree |= self._all_of(depth)
        return tree

    def at_end(self) -> bool:
        return not self._text[self._at :].strip()

    def fail(self, expected: str) -> NoReturn:
        place = self._text[self._at :].strip()[:40]
        where = f"at {place!r}" if place else "at its end"
        raise InvalidRequest("filter", f"is not valid {where}: expected {expected}")

    def _all_of(self, depth: int) -> Filter:
        tree = self._term(depth)
        while self._take("AND"):
            tree &= self._term(depth)
        return tree

    def _term(self, depth: int) -> Filter:
        if not self._take("("):
            return self._condition()
        if depth == MAX_DEPTH:
            self.fail(f"at most {MAX_DEPTH} nested parentheses")
        tree = self.any_of(depth + 1)
        return tree if self._take(")") else self.fail("AND, OR or )")

    def _condition(self) -> Filter:
        if self._take("HAS"):
            missing = self._take("NOT")
            if not self._take("FIELD"):
                self.fail("FIELD")
            return self._field().missing() if missing else self._field().exists()
        field = self._field()
        sign = "NOT " if self._take("NOT") else ""
        kind, token = self._peek()
        sign += token.upper()
        if kind not in {"sign", "word"} or sign not in _CONDITIONS:
            self.fail("a comparison, GLOB, IN or CONTAINS")
        self._take(token)
        return _CONDITIONS[sign](field, self._list() if sign.endswith("IN") else self._literal())

    def _list(self) -> list[Any]:
        if not self._take("("):
            self.fail("(")
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        return values if self._take(")") else self.fail(", or )")

    def _field(self) -> Field:
        kind, token = self._peek()
        if kind != "word":
            self.fail("a field")
        self._take(token)
        return Field(token)

    def _literal(self) -> Any:
        kind, token = self._peek()
        is_boolean = kind == "word" and token.lower() in {"true", "false"}
        if kind not in {"string", "number"} and not is_boolean:
            self.fail("a string in quotes, a number, true or false")
        self._take(token)
        return token[1:-1] if kind == "string" else json.loads(token.lower())

    def _peek(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._at)
        return (str(match.lastgroup), match[str(match.lastgroup)]) if match else ("", "")

    def _take(self, token: str) -> bool:
        """Go past a token if it is next; words in any case."""
        kind, text = self._peek()
        if not text or (text.upper() != token.upper() if kind == "word" else text != token):
            return False
        match = _TOKEN.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return True
