"""The filter language of query and delete: its grammar, and a parser that returns a tree of conditions.

    filter     = any_of
    any_of     = all_of { "OR" all_of }
    all_of     = term { "AND" term }
    term       = "(" any_of ")" | condition
    condition  = "HAS" [ "NOT" ] "FIELD" path
               | path ( "=" | "!=" ) literal
               | path ( "<" | "<=" | ">" | ">=" ) number
               | path [ "NOT" ] "GLOB" string
               | path [ "NOT" ] "IN" "(" literal { "," literal } ")"
               | path [ "NOT" ] "CONTAINS" literal
    path       = name { "." name | "[" ( digits | "#-" digits ) "]" }
    name       = [a-zA-Z_][a-zA-Z_0-9#-]*
    literal    = string | number | "true" | "false"
    string     = "'" { any but "'" } "'" | '"' { any but '"' } '"'

Keywords are case-insensitive. ``AND`` binds tighter than ``OR``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from airflow_provider_upstash_vector.dev_server.responses import HttpError, bad_request

_MAX_DEPTH = 50
_INT64 = range(-(2**63), 2**63)
_TOKENS = re.compile(
    r"""\s*(?:
        (?P<string>'[^']*'|"[^"]*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![a-zA-Z_0-9.]))
      | (?P<word>[a-zA-Z_][a-zA-Z_0-9.[\]\#-]*)
      | (?P<operator><=|>=|!=|[=<>(),])
    )""",
    re.VERBOSE | re.ASCII,
)
_PATH_PART = re.compile(r"\.?(?P<name>[a-zA-Z_][a-zA-Z_0-9#-]*)|\[(?P<element>\d{1,9}|\#-\d{1,9})\]", re.ASCII)

Literal = str | float | int | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: ``path`` is a JSON path of SQLite, ``operator`` a sign, GLOB, IN, CONTAINS or HAS."""

    path: str
    operator: str
    operands: tuple[Literal, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """True if all parts are true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True if any part is true."""

    parts: tuple[Filter, ...]


Filter = Condition | AllOf | AnyOf


class _Token(NamedTuple):
    kind: str
    text: str
    position: int

    @property
    def keyword(self) -> str:
        return self.text.upper() if self.kind == "word" else ""

    @property
    def description(self) -> str:
        return "<EOF>" if self.kind == "end" else self.text


def parse(text: str) -> Filter:
    """Parse a filter. Raises ``HttpError`` with the place of a syntax error and what was expected there."""
    parser = _Parser(text)
    tree = parser.any_of()
    parser.expect("end", "", "AND, OR or the end of the filter")
    return tree


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKENS.match(text, position)
        if match is None or match.lastgroup is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            unknown = text[start:] if text[start] in "'\"" else text[start]
            raise _syntax_error(text, start, f"token recognition error at: '{unknown}'")
        tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        position = match.end()
    return [*tokens, _Token("end", "", end)]


def _syntax_error(text: str, position: int, problem: str) -> HttpError:
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position) - 1
    return bad_request(f"Invalid filter. At line {line}:{column} {problem}")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def any_of(self) -> Filter:
        return self._joined("OR", self._all_of, AnyOf)

    def _all_of(self) -> Filter:
        return self._joined("AND", self._term, AllOf)

    def _joined(
        self, keyword: str, part: Callable[[], Filter], join: Callable[[tuple[Filter, ...]], Filter]
    ) -> Filter:
        parts = [part()]
        while self._take_keyword(keyword):
            parts.append(part())
        return parts[0] if len(parts) == 1 else join(tuple(parts))

    def _term(self) -> Filter:
        opening = self._peek()
        if not self._take_operator("("):
            return self._condition()
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _syntax_error(self._text, opening.position, f"more than {_MAX_DEPTH} nested parentheses")
        inner = self.any_of()
        self.expect("operator", ")", "AND, OR or ')'")
        self._depth -= 1
        return inner

    def _condition(self) -> Condition:
        token = self._peek()
        if token.keyword == "HAS":
            self._next += 1
            negated = self._take_keyword("NOT")
            if not self._take_keyword("FIELD"):
                raise self._unexpected("FIELD" if negated else "FIELD or NOT FIELD")
            return Condition(self._path(), "HAS", negated=negated)
        path = self._path()
        negated = self._take_keyword("NOT")
        operator = self._peek()
        operands = self._operands(operator, negated=negated)
        return Condition(path, operator.keyword or operator.text, operands, negated)

    def _operands(self, operator: _Token, *, negated: bool) -> tuple[Literal, ...]:
        readers: dict[str, Callable[[], tuple[Literal, ...]]] = {
            "GLOB": lambda: (self._string(),),
            "IN": self._literals,
            "CONTAINS": lambda: (self._literal(),),
        }
        if not negated:
            readers |= dict.fromkeys(("=", "!="), lambda: (self._literal(),))
            readers |= dict.fromkeys(("<", "<=", ">", ">="), lambda: (self._number(),))
        reader = readers.get(operator.keyword or operator.text)
        if reader is None:
            raise self._unexpected(
                "GLOB, IN or CONTAINS" if negated else "a comparison, GLOB, IN, CONTAINS or NOT"
            )
        self._take()
        return reader()

    def _path(self) -> str:
        token = self.expect("word", None, "a field")
        parts: list[str] = []
        position = 0
        while position < len(token.text):
            match = _PATH_PART.match(token.text, position)
            if match is None or (match["name"] and token.text.startswith(".", position) != (position > 0)):
                raise self._mismatch(token.position + position, token.text, "a field such as a.b[0].c[#-1]")
            parts.append(f'."{match["name"]}"' if match["name"] else f"[{match['element']}]")
            position = match.end()
        return "$" + "".join(parts)

    def _literals(self) -> tuple[Literal, ...]:
        self.expect("operator", "(", "'('")
        literals = [self._literal()]
        while self._take_operator(","):
            literals.append(self._literal())
        self.expect("operator", ")", "',' or ')'")
        return tuple(literals)

    def _literal(self) -> Literal:
        token = self._peek()
        if token.kind == "number":
            return self._number()
        if token.keyword in {"TRUE", "FALSE"}:
            self._next += 1
            return token.keyword == "TRUE"
        return self._string("a string, a number, true or false")

    def _string(self, expected: str = "a string") -> str:
        return self.expect("string", None, expected).text[1:-1]

    def _number(self) -> float | int:
        text = self.expect("number", None, "a number").text
        whole = int(text) if re.fullmatch(r"-?\d{1,19}", text) else None
        return whole if whole is not None and whole in _INT64 else float(text)

    def expect(self, kind: str, text: str | None, expected: str) -> _Token:
        token = self._peek()
        if token.kind != kind or (text is not None and token.text != text):
            raise self._unexpected(expected)
        return self._take()

    def _take_keyword(self, keyword: str) -> bool:
        matches = self._peek().keyword == keyword
        self._next += matches
        return matches

    def _take_operator(self, operator: str) -> bool:
        token = self._peek()
        matches = token.kind == "operator" and token.text == operator
        self._next += matches
        return matches

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _unexpected(self, expected: str) -> HttpError:
        token = self._peek()
        return self._mismatch(token.position, token.description, expected)

    def _mismatch(self, position: int, found: str, expected: str) -> HttpError:
        # Only "token recognition error" is known of the service; this is how ANTLR, its parser, words the rest.
        return _syntax_error(self._text, position, f"mismatched input '{found}' expecting {expected}")
