"""Text without secrets, and errors without frames."""

from __future__ import annotations

import base64
from html import unescape
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client.redaction import DROPPED, Redactor, hiding_frames, printable
from tests.support.secrecy import assert_not_shown, chain, frames_of, spellings

TOKEN = "ABcFMHByb2Z-dW5kLW1h_cm1v/c2V0LTEy+MzQ1LXVzMWFkbWlu&TldZME9UZG1="


@pytest.mark.parametrize("name", [*spellings(TOKEN)])
def test_a_secret_is_found_in_every_spelling(name: str) -> None:
    shown = Redactor(TOKEN).redact(f"you have sent {spellings(TOKEN)[name]} to us")
    assert_not_shown(TOKEN, shown)
    assert shown.startswith("you have sent ")
    assert shown.endswith(" to us")
    assert "***" in shown


ENCODINGS = st.lists(st.sampled_from(["plain", "json, all escaped", "percent, all", "html", "base64"]), min_size=1)


@given(
    pieces=st.lists(st.tuples(st.integers(1, 30), ENCODINGS), min_size=1, max_size=6),
    before=st.text(max_size=400),
    after=st.text(max_size=20),
    start=st.integers(0, len(TOKEN) - 20),
)
@example(pieces=[(64, ["plain"])], before="x" * 280, after="", start=0)
@example(pieces=[(64, ["percent, all"])], before="x" * 280, after="", start=0)
@example(pieces=[(20, ["plain"])], before="", after="", start=5)
def test_no_part_of_a_secret_is_shown_however_it_was_cut_and_encoded(
    pieces: list[tuple[int, list[str]]], before: str, after: str, start: int
) -> None:
    echoed, rest = "", TOKEN[start:]
    for size, ways in pieces:
        piece, rest = rest[:size], rest[size:]
        for way in ways[:3]:
            piece = spellings(piece)[way]
        echoed += piece
    shown = Redactor(TOKEN).redact(f"{before}{echoed}{after}")
    assert len(shown) <= 301
    readings = {shown, unquote(unquote(shown)), unescape(shown)}
    assert not any(TOKEN[at : at + 12] in reading for at in range(len(TOKEN) - 11) for reading in readings)


@pytest.mark.parametrize(
    "part",
    [
        TOKEN[3:15],
        base64.b64encode(TOKEN[:30].encode()).decode(),
        TOKEN[:20].encode().hex(),
        "\\".join(TOKEN[:20]),
        "\n".join([TOKEN[:30], TOKEN[30:]]),
        "\n".join([TOKEN[:8], TOKEN[8:16]]),
        f"<b>{TOKEN[:30]}</b>",
    ],
)
def test_text_with_a_part_of_a_secret_is_dropped(part: str) -> None:
    assert Redactor(TOKEN).redact(f"you have sent {part}") == DROPPED


def test_less_than_a_part_is_kept() -> None:
    assert Redactor(TOKEN).redact(f"starts with {TOKEN[:11]}") == f"starts with {TOKEN[:11]}"


@pytest.mark.parametrize(("secret", "shown"), [("t", "a*** b"), ("s3cr3t", "at b"), ("", "at b")])
def test_short_secrets(secret: str, shown: str) -> None:
    assert Redactor(secret).redact("at b") == shown
    assert Redactor("s3cr3t").redact("bad s3cr3t, %733cr3t") == "bad ***, ***"
    assert Redactor("pass word").redact("bad pass  word and pass+word") == "bad *** and ***"


def test_several_secrets_the_longest_first() -> None:
    redactor = Redactor("user:p4ssword", "p4ssword", "p4ss\u200bword!")
    assert redactor.redact("http://user:p4ssword@proxy p4ssword p4ss\u200bword!") == "http://***@proxy *** ***"
    assert "p4ss" not in f"{redactor!r} {redactor!s}"


def test_a_long_text_is_cut_after_redaction() -> None:
    assert Redactor(TOKEN).redact("x" * 290 + TOKEN + "y" * 100) == "x" * 290 + "***" + "y" * 7 + "…"
    assert len(Redactor(TOKEN).redact("é" * 10_000_000)) == 301


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://e\x1b\\link", "link"),
        ("\x9b2Jx\x1bcy", "xy"),
        ("\u202eevil\u2066 \u200b\ufeff", "evil "),
        ("a\x00\x7f\x85b\u2028c\r\nd", "a b c d"),
        ("ü é 😀", "ü é 😀"),
    ],
)
def test_control_characters_are_removed(text: str, line: str) -> None:
    assert printable(text) == line


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()
    assert Redactor().redact(text).isprintable()


def test_hidden_frames() -> None:
    @hiding_frames
    def fails(secret: str) -> None:
        try:
            int(secret)
        except ValueError as error:
            copied = secret
            raise KeyError(f"no {len(copied)}") from error

    with pytest.raises(KeyError, match="no 64") as caught:
        fails(TOKEN)
    assert [*chain(caught.value)] == [caught.value]
    assert_not_shown(TOKEN, frames_of(caught.value))
