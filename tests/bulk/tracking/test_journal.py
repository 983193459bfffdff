from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_upstash_vector.bulk.tracking.journal import RING_ROWS, Journal, read_journal
from airflow_provider_upstash_vector.bulk.tracking.local_files import temporary_path
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "x.journal"


def test_settled_rows_are_read_with_the_token(path: Path) -> None:
    journal = Journal(path, 7)
    journal.publish()
    journal.settle(9, Outcome.FAILED)
    journal.settle(7, Outcome.DONE)
    assert read_journal(path, journal.token, 7).outcomes == {7: Outcome.DONE, 9: Outcome.FAILED}
    assert read_journal(path, "0" * 16, 7).outcomes == {}
    assert read_journal(path, "", 7).outcomes == {}
    journal.close()
    assert read_journal(path, journal.token, 8).outcomes == {9: Outcome.FAILED}


def test_the_previous_journal_stays_until_the_new_one_is_published(path: Path) -> None:
    first = Journal(path, 0)
    first.publish()
    first.settle(3, Outcome.DONE)
    second = Journal(path, 0)
    assert read_journal(path, first.token, 0).outcomes == {3: Outcome.DONE}
    second.publish()
    assert read_journal(path, first.token, 0).outcomes == {}
    first.settle(4, Outcome.DONE)  # a run that was thought dead writes into its own
    assert read_journal(path, second.token, 0).outcomes == {}
    first.close()
    second.close()


def test_a_journal_that_was_not_published_leaves_nothing(path: Path) -> None:
    Journal(path, 0).close()
    assert [*path.parent.iterdir()] == []


def test_a_removed_journal_leaves_nothing(path: Path) -> None:
    journal = Journal(path, 0)
    journal.publish()
    journal.remove()
    assert [*path.parent.iterdir()] == []


def test_a_closed_journal_ignores_a_late_save(path: Path) -> None:
    journal = Journal(path, 0)
    journal.close()
    journal.sync()
    journal.publish()
    journal.clear_below(5)
    assert not path.exists()


def test_it_covers_half_a_ring_beyond_the_last_checkpoint(path: Path) -> None:
    journal = Journal(path, 10**12)
    assert journal.covers(10**12 + RING_ROWS // 2 - 1)
    assert not journal.covers(10**12 + RING_ROWS // 2)
    journal.clear_below(10**12 + 5)
    assert journal.covers(10**12 + RING_ROWS // 2 + 4)
    journal.clear_below(10**12)
    assert journal.covers(10**12 + RING_ROWS // 2 + 4)
    journal.close()


def test_only_this_user_can_read_it(path: Path) -> None:
    journal = Journal(path, 0)
    journal.publish()
    assert path.stat().st_mode & 0o777 == 0o600
    journal.close()


@pytest.mark.parametrize("damage", [b"", b"\xff" * 40, b"{}"])
def test_a_damaged_journal_is_empty(path: Path, damage: bytes) -> None:
    journal = Journal(path, 0, ring_rows=32)
    journal.publish()
    journal.settle(1, Outcome.DONE)
    journal.close()
    path.write_bytes(damage and journal.token.encode() + damage)
    assert read_journal(path, journal.token, 0).outcomes == {}
    path.write_bytes(journal.token.encode())
    assert read_journal(path, journal.token, 5).outcomes == {}
    path.unlink()
    assert read_journal(path, journal.token, 0).outcomes == {}


def test_what_was_settled_survives_a_killed_process(path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from airflow_provider_upstash_vector.bulk.tracking.journal import Journal
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
journal = Journal(Path({str(path)!r}), 100)
journal.publish()
print(journal.token, flush=True)
for number in range(100, 5100):
    journal.settle(number, Outcome(1 + number % 4))
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    found = read_journal(path, killed.stdout.strip(), 100).outcomes
    assert found == {number: Outcome(1 + number % 4) for number in range(100, 5100)}


def test_a_temporary_path_is_stable_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = temporary_path("s3://bucket/a", "journal")
    assert path == temporary_path("s3://bucket/a", "journal")
    assert path != temporary_path("s3://bucket/b", "journal")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.parent.chmod(0o755)
    temporary_path("s3://bucket/a", "journal")
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_temporary_folder_of_another_user_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"upstash-vector-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="owned by another user"):
        temporary_path("x", "journal")


def test_a_journal_from_before_the_last_boot_is_empty(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot_id = tmp_path / "boot_id"
    monkeypatch.setattr("airflow_provider_upstash_vector.bulk.tracking.journal._BOOT_ID", boot_id)
    for before, after in [("one", "two"), ("one", "")]:
        boot_id.write_text(before)
        journal = Journal(path, 0)
        journal.publish()
        journal.settle(1, Outcome.DONE)
        journal.close()
        assert read_journal(path, journal.token, 0).outcomes == {1: Outcome.DONE}
        boot_id.write_text(after)
        assert read_journal(path, journal.token, 0).outcomes == {}


def test_the_digest_is_read_with_the_token(path: Path) -> None:
    journal = Journal(path, 7)
    journal.publish()
    assert read_journal(path, journal.token, 7)[1:3] == (0, "00" * 16)
    journal.record_digest(10**12, "ab" * 16)
    journal.settle(7, Outcome.DONE)
    journal.close()
    assert read_journal(path, journal.token, 7)[:3] == ({7: Outcome.DONE}, 10**12, "ab" * 16)
