from __future__ import annotations

import fcntl
import logging
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk.tracking.progress import LogLines, Snapshot, open_progress

LOG = logging.getLogger("bulk")


def snapshot(**changes: Any) -> Snapshot:
    numbers: dict[str, Any] = {
        "done": 12_345,
        "done_before": 0,
        "total": 100_000,
        "fraction": None,
        "seconds": 10.0,
        "in_flight": 64,
        "retries": 3,
        "failures": 2,
        "throttled_seconds": 4.4,
    }
    return Snapshot(**{**numbers, **changes})


def test_the_text_of_a_snapshot() -> None:
    assert str(snapshot()) == (
        "12,345 of 100,000 rows completed, 1,234/s, 64 in flight, 3 retries, 4 s throttled, 2 failed, 1:11 left"
    )


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"total": None}, "12,345 rows completed, "),
        ({"total": None, "fraction": 0.0}, "12,345 rows completed (0 % of the input), "),
        ({"total": None, "fraction": 0.999}, "12,345 rows completed (99 % of the input), "),
        ({"total": None, "fraction": 1.0, "done": 1}, "1 row completed (100 % of the input), "),
        ({"total": 1, "done": 1}, "1 of 1 row completed, "),
    ],
)
def test_the_known_part_of_the_input(changes: dict[str, Any], start: str) -> None:
    assert str(snapshot(**changes)).startswith(start)


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"total": None}, "2 failed"),
        ({"total": None, "fraction": 0.0}, "2 failed"),
        ({"done": 0}, "2 failed"),
        ({"seconds": 0.0}, "2 failed"),
        ({"total": None, "fraction": 0.25}, "2 failed, 0:30 left"),
        ({"total": None, "fraction": 0.5, "done": 2_000, "done_before": 1_000}, "2 failed, 0:20 left"),
        ({"total": 10_000_000}, "2 failed, 2:14:50 left"),
        ({"done": 100_000}, "2 failed, 0:00 left"),
        ({"done": 100_001}, "2 failed, 0:00 left"),
        ({"done": 50_000, "done_before": 49_000}, "2 failed, 8:20 left"),
        ({"done": 0, "seconds_down": 12.3}, "2 failed; no response for 12 s"),
        ({"done": 0, "awaited_row": 17, "awaited_seconds": 40.2}, "; reading has waited 40 s for row 17"),
    ],
)
def test_the_time_left_is_shown_if_it_can_be_known(changes: dict[str, Any], end: str) -> None:
    assert str(snapshot(**changes)).endswith(end)


@pytest.mark.parametrize(("rate", "text"), [(0.25, "0.25"), (9.94, "9.9"), (99.9, "100"), (12_345.6, "12,346")])
def test_the_rate_that_is_allowed_is_shown(rate: float, text: str) -> None:
    assert f"/s (about {text} allowed), " in str(snapshot(allowed_rate=rate))


def test_the_rate_is_that_of_this_run() -> None:
    assert snapshot(done=500, done_before=400).rows_per_second == 10
    assert snapshot(seconds=0.0).rows_per_second == 0


def test_a_line_is_logged_every_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    lines = LogLines(LOG)
    with caplog.at_level(logging.INFO):
        for quarter in range(4 * 35):
            lines.show(snapshot(seconds=quarter / 4, done=quarter))
        lines.close()
    assert [message.split()[0] for message in caplog.messages] == ["40", "80", "120"]
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_a_line_comes_late_rather_than_twice(caplog: pytest.LogCaptureFixture) -> None:
    lines = LogLines(LOG)
    with caplog.at_level(logging.INFO):
        for seconds in (0.0, 9.9, 27.0, 30.0, 36.9, 37.0):
            lines.show(snapshot(seconds=seconds))
    assert len(caplog.messages) == 2


def test_the_kinds_of_progress_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_progress("none", LOG) is None
    assert isinstance(open_progress("log", LOG), LogLines)
    assert isinstance(open_progress("auto", LOG), LogLines)
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(open_progress("auto", LOG), LogLines)
    with pytest.raises(ValueError, match="progress must be one of auto, log, bar, none, got 'loud'"):
        open_progress("loud", LOG)  # type: ignore[arg-type]  # the mistake


PROGRAM = """
import logging, sys
from airflow_provider_upstash_vector.bulk.tracking.progress import Snapshot, open_progress
progress = open_progress("auto", logging.getLogger())
for done in {moments}:
    progress.show(Snapshot(done=done, done_before=0, total={total}, fraction={fraction}, seconds=done / 100_000,
                           in_flight=64, retries=12_345, failures=17, throttled_seconds=123.0))
    progress._live.refresh()
progress.close()
"""


def on_a_terminal(columns: int, total: int | None = 98_765_432, fraction: float | None = None) -> str:
    program = PROGRAM.format(moments=(1_234_567, 49_382_716), total=total, fraction=fraction)
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    process = subprocess.Popen([sys.executable, "-c", program], stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # how Linux reports that the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(60) == 0, shown.decode()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_on_a_terminal_there_is_a_bar_and_nothing_is_cut_off(columns: int) -> None:
    shown = on_a_terminal(columns)
    last = " ".join(shown[shown.rindex("49,382,716") :].split())
    assert last == (
        "49,382,716 of 98,765,432 rows completed, 100,000/s, 64 in flight, 12,345 retries, 123 s throttled, "
        "17 failed, 8:14 left"
    )
    assert "\u2501" * 40 in shown
    assert " 50%" in shown
    assert "\u2026" not in shown


def test_the_bar_of_an_input_of_unknown_length() -> None:
    assert " 25%" in on_a_terminal(80, total=None, fraction=0.25)
    unknown = on_a_terminal(80, total=None)
    assert "49,382,716 rows completed" in unknown
    assert "%" not in unknown
