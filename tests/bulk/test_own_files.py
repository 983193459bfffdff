"""Whatever ``failures_path`` and ``checkpoint`` are, a run neither changes its input nor leaves any out."""

from __future__ import annotations

import gzip
import json
import logging
import os
import stat
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from upath import UPath

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.sources import InvalidRows, local_paths
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.client.errors import ConnectionFailed, Unauthorized
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import PATIENT, Run, failed, fill

GOOD, BAD = 8, 2
ROWS_OF_A_FILE = GOOD + BAD
LINES = b"".join(b'{"id":"v%d","metadata":{"n":%d}}\n' % (n, n) for n in range(GOOD)) + b'{"id":""}\n' * BAD
FAILURE = b'{"id":"","failure":{"row":0,"outcome":"rejected","reason":"of a run before"}}\n'


def remote_or_local(uri: str) -> Sequence[OpenablePath]:
    if not uri.startswith("memory://"):
        return local_paths(uri)
    folder, _, name = uri.rpartition("/")
    return sorted(UPath(folder).glob(name), key=str) if has_magic(name) else [UPath(uri)]


class Folder:
    """Two files of rows with links to them, in a local folder and in an object store; nobody may change them."""

    def __init__(self, path: Path) -> None:
        self.path = path / "rows"
        self.remote = f"memory://{uuid.uuid4()}"
        links = path / "links"
        for folder in (self.path, links):
            folder.mkdir()
        self.a, self.b, self.other = self.path / "a.jsonl", self.path / "b.jsonl.gz", links / "other.csv"
        self.a.write_bytes(LINES)
        self.b.write_bytes(gzip.compress(LINES))
        self.other.write_bytes(b"id,data\nv0,x\n")
        (links / "soft.jsonl").symlink_to(self.a)
        (links / "soft.jsonl.gz").symlink_to(Path("..") / "rows" / "b.jsonl.gz")
        os.link(self.a, links / "hard.jsonl")
        (links / "folder").symlink_to(self.path)
        (links / "dangling.jsonl").symlink_to(path / "never written")
        os.mkfifo(links / "pipe.jsonl")
        (links / "empty.jsonl").touch(mode=0o644)
        (links / "failures.jsonl").write_bytes(FAILURE)
        for name in ("a.jsonl", "b.jsonl"):
            with UPath(f"{self.remote}/{name}").open("wb") as file:
                file.write(LINES)
        self.input = self.content()

    def content(self) -> dict[str, object]:
        """Return all that a run may read, and what it may not create."""
        files = {str(path): path.read_bytes() for path in (self.a, self.b, self.other)}
        remote = {name: UPath(f"{self.remote}/{name}").read_bytes() for name in ("a.jsonl", "b.jsonl")}
        return {**files, **remote, "written through a link": (self.path.parent / "never written").exists()}

    def plant_links(self, path: str) -> None:
        """Put links to rows where a run creates the files beside ``path``."""
        for ending in (".new", ".journal", ".journal.new"):
            if path in {"{rows}/c.jsonl", "{rows}/f.jsonl"} and (ending == ".new" or "c.jsonl" in path):
                Path(self.resolve(path) + ending).symlink_to(self.a)

    def resolve(self, text: str) -> str:
        return text.format(rows=self.path, links=self.path.parent / "links", remote=self.remote)


ROWS: dict[str, tuple[Any, int]] = {  # and the number of files
    "path": ("{rows}/a.jsonl", 1),
    "list": (["{rows}/a.jsonl", "{rows}/b.jsonl.gz"], 2),
    "glob": ("{rows}/*", 2),
    "recursive glob": ("{rows}/**/*.jsonl*", 2),
    "list with a glob": (["{links}/hard.jsonl", "{rows}/*.jsonl*"], 3),
    "URI": ("file://{rows}/a.jsonl", 1),
    "URI of a glob": ("file://{links}/folder/*", 2),
    "soft link": ("{links}/soft.jsonl", 1),
    "soft links": (["{links}/soft.jsonl", "{links}/soft.jsonl.gz"], 2),
    "hard link": ("{links}/hard.jsonl", 1),
    "object": ("{remote}/a.jsonl", 1),
    "objects": ("{remote}/*.jsonl", 2),
}
DATA = [
    "{rows}/a.jsonl",
    "{rows}/../rows/a.jsonl",
    "file://{rows}/a.jsonl",
    "{links}/folder/b.jsonl.gz",
    "{links}/soft.jsonl",
    "{links}/hard.jsonl",
    "{links}/other.csv",
    "{links}/pipe.jsonl",
    "{remote}/a.jsonl",
]
COMMON = [None, "{links}/dangling.jsonl", "{links}/empty.jsonl"]
FAILURES = [*COMMON, "{rows}/f.jsonl", "{remote}/f.jsonl", "{links}/failures.jsonl"]
CHECKPOINTS = [*COMMON, "{rows}/c.jsonl", "{remote}/c.jsonl"]
NO_CHECKPOINTS = [*DATA, "{links}/failures.jsonl", "{rows}/f.jsonl", "{rows}/f.jsonl.new"]


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept of files in object stores, apart from other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("temporary")))
        yield


@pytest.mark.usefixtures("temporary")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.sampled_from([*ROWS]),
    failures=st.sampled_from([*FAILURES * 4, *DATA]),
    checkpoint=st.sampled_from([*CHECKPOINTS * 4, *NO_CHECKPOINTS]),
    runs=st.lists(st.sampled_from(["dry", "part", "whole"]), min_size=1, max_size=3),
    planted=st.booleans(),
    umask=st.sampled_from([0, 0o022, 0o777]),
)
def test_no_run_changes_or_leaves_out_its_input(
    server: DevServer,
    run: Run,
    rows: str,
    failures: str | None,
    checkpoint: str | None,
    runs: list[str],
    planted: bool,
    umask: int,
) -> None:
    given, files = ROWS[rows]
    refused = failures in DATA or checkpoint in [*DATA, "{links}/failures.jsonl"]
    refused = refused or (failures is not None and (checkpoint or "").startswith(failures))
    fill(server, [f"v{n}" for n in range(GOOD)])
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(Path(path))
        for own_path in {failures, checkpoint} if planted else ():
            folder.plant_links(own_path or "")
        texts = [*map(folder.resolve, given)] if isinstance(given, list) else folder.resolve(given)
        paths = {"failures_path": failures, "checkpoint": checkpoint}
        own = {name: folder.resolve(text) for name, text in paths.items() if text is not None}
        finished = resumable = False
        for kind in runs:
            # a dry run would replace failures that the resumed run keeps
            refused_now = refused or (kind == "dry" and resumable and None not in {failures, checkpoint})
            arguments = {**own, "max_failures": "100%", "dry_run": kind == "dry", "find_paths": remote_or_local}
            arguments["time_limit_seconds"] = 60
            if kind == "part":
                arguments |= {"daily_budget": 3, "on_budget": "return", "max_concurrency": 2}
            before = os.umask(umask)
            try:
                report = run(texts, **arguments)
            except InvalidRows:
                assert refused_now
                continue
            finally:
                os.umask(before)
                assert folder.content() == folder.input
            event(kind)
            assert not refused_now
            resumable = kind == "part" or (kind == "dry" and resumable)
            assert (report.total, report.all_read) == (files * ROWS_OF_A_FILE, True)
            written = [Path(path) for name, path in own.items() if kind != "dry" or name == "failures_path"]
            assert {stat.S_IMODE(path.lstat().st_mode) for path in written if path.exists()} <= {0o600}
            if kind == "whole":
                assert (report.done, report.rejected) == (files * GOOD, files * BAD)
                finished = True
            if failures:
                (file,) = remote_or_local(own["failures_path"])
                failed_rows = [json.loads(line)["failure"]["row"] for line in file.open("rb")]
                assert len({*failed_rows}) == len(failed_rows) == report.rejected
        if finished and checkpoint and "part" not in runs:
            assert server.requests["update"] == runs.count("whole") * files * GOOD


@pytest.mark.parametrize("rows", ["glob", "recursive glob", "objects"])
def test_a_retry_of_a_glob_resumes_beside_the_files_of_the_first_try(
    server: DevServer, run: Run, tmp_path: Path, rows: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Folder(tmp_path)
    place = "{remote}" if rows == "objects" else "{rows}"
    fill(server, [f"v{n}" for n in range(GOOD)])
    arguments: dict[str, Any] = {
        "failures_path": folder.resolve(f"{place}/f.jsonl"),
        "checkpoint": folder.resolve(f"{place}/c.jsonl"),
        "find_paths": remote_or_local,
        "max_failures": "100%",
    }
    texts = folder.resolve(ROWS[rows][0])
    first = run(texts, daily_budget=GOOD, on_budget="return", max_concurrency=1, **arguments)
    assert (first.done, first.rejected) == (GOOD, BAD)
    with caplog.at_level(logging.INFO):
        report = run(texts, **arguments)
    assert (report.total, report.done, report.rejected) == (2 * ROWS_OF_A_FILE, 2 * GOOD, 2 * BAD)
    assert server.requests["update"] == 2 * GOOD
    assert f"which is not read: it is failures_path ({arguments['failures_path']})" in caplog.text
    assert len([*remote_or_local(arguments["failures_path"])[0].open("rb")]) == 2 * BAD


@pytest.mark.parametrize("dry_run", [True, False])
def test_failures_that_are_fed_back_are_not_overwritten(run: Run, tmp_path: Path, dry_run: bool) -> None:
    content = LINES + FAILURE
    path, soft, hard = (tmp_path / name for name in ("back.jsonl", "back-soft.jsonl", "back-hard.jsonl"))
    path.write_bytes(content)
    soft.symlink_to(path)
    os.link(path, hard)
    names = [path, soft, hard, path.as_uri(), hard.as_uri(), os.path.relpath(path)]
    for rows in [*names, [str(soft)], [str(hard), str(path)], f"{tmp_path}/back*"]:
        for failures in names:
            with pytest.raises(InvalidRows, match=r"rows \(.*\) and failures_path \(.*\) are the same file"):
                run(rows, failures_path=failures, dry_run=dry_run)
    assert {path.read_bytes(), soft.read_bytes(), hard.read_bytes()} == {content}


@pytest.mark.parametrize("argument", ["failures_path", "checkpoint"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_refused_says_which_files_are_the_same(
    server: DevServer, run: Run, tmp_path: Path, argument: str, dry_run: bool
) -> None:
    folder = Folder(tmp_path)
    link = folder.resolve("{links}/soft.jsonl")
    options: dict[str, Any] = {"dry_run": dry_run, argument: link}
    with pytest.raises(InvalidRows) as raised:
        run(folder.a, **options)
    assert str(raised.value) == (
        f"rows ({folder.a}) and {argument} ({link}) are the same file; set {argument} to another path, or leave "
        f"the file out of rows"
    )
    (tmp_path / "o.new").write_bytes(LINES)
    with pytest.raises(InvalidRows, match=rf"{argument} .*\.new.* are the same file"):
        run(tmp_path / "o.new", format="jsonl", **{**options, argument: tmp_path / "o"})
    with pytest.raises(InvalidRows, match=r"no file matches '.*' except those that this run writes itself"):
        run(f"{link[:-1]}[l]", **options)
    assert folder.content() == folder.input
    assert (tmp_path / "o.new").read_bytes() == LINES
    assert not server.requests


NOT_OURS = [
    b'{"id":"a"}\n',
    b'{"id":"a"}',
    b"id,data\na,b\n",
    b"half a line",
    b"PAR1" + bytes(100_000),
    FAILURE + b'{"id":"a"}\n',
    FAILURE + b'{"id":"a"}',
    b'{"failure":"mine"}\n',
    b"7\n",
    b"x" * 200_000 + b"\n",
]
OURS = [
    b"",
    b"\n",
    FAILURE,
    FAILURE[:-1],
    FAILURE + FAILURE[:40],
    FAILURE * 5_000 + FAILURE[:40],
    b'{"data":"%s",%s' % (b"x" * 200_000, FAILURE[1:]),
]


@pytest.mark.parametrize("store", ["local", "memory"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_file_that_no_run_has_written_is_refused(run: Run, tmp_path: Path, store: str, dry_run: bool) -> None:
    path = UPath(f"memory://{uuid.uuid4()}/f") if store == "memory" else tmp_path / "f"
    for content in NOT_OURS:
        with path.open("wb") as file:
            file.write(content)
        with pytest.raises(InvalidRows, match="exists and its last line is not a failure of a run; delete it"):
            run([], failures_path=path, dry_run=dry_run)
        with pytest.raises(InvalidRows, match="exists and is not a checkpoint; delete it"):
            run([], checkpoint=path, dry_run=dry_run)
        with pytest.raises(InvalidRows, match="exists and is not a checkpoint; delete it"):
            bulk.forget(path)
        assert path.read_bytes() == content
    for content in OURS:
        with path.open("wb") as file:
            file.write(content)
        assert run([], failures_path=path, dry_run=dry_run).total == 0
        assert path.read_bytes() == b""


def test_a_pipe_or_folder_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "pipe", tmp_path / "folder", Path("/dev/null")):
        for argument in ({"failures_path": path}, {"checkpoint": path}):
            with pytest.raises(InvalidRows, match=f"{path} is not a regular file"):
                run([], **argument)


def test_failures_survive_a_run_that_cannot_start(endpoint: Endpoint, run: Run, tmp_path: Path) -> None:
    path, rows = tmp_path / "failures.jsonl", [{"id": "v0", "data": "x"}]
    path.write_bytes(FAILURE)
    (tmp_path / "no id.csv").write_text("name\na\n")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "file").touch()
    options: dict[str, Any] = {"failures_path": path, "policy": PATIENT, "progress": "none"}
    with pytest.raises(Unauthorized):
        bulk.update(rows, Endpoint.of(endpoint.url, "wrong"), **options)
    with pytest.raises(ConnectionFailed):
        bulk.update(
            rows, Endpoint.of("http://127.0.0.1:1", "x"), **{**options, "policy": replace(PATIENT, max_attempts=1)}
        )
    with pytest.raises(InvalidRows):
        run(tmp_path / "missing.jsonl", failures_path=path)
    unwritable = tmp_path / "file" / "checkpoint"
    assert failed(lambda: run(rows, failures_path=path, checkpoint=unwritable)).reason == "checkpoint"
    for source in ("no id.csv", "folder.jsonl"):
        for dry_run in (False, True):
            with pytest.raises((InvalidRows, bulk.BulkJobFailed)):
                run(tmp_path / source, failures_path=path, dry_run=dry_run)
    assert path.read_bytes() == FAILURE
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("failures")] == ["failures.jsonl"]


def test_a_dry_run_keeps_to_its_time_limit_and_stops_while_it_waits_for_rows(run: Run) -> None:
    go_on = threading.Event()

    def waits() -> Iterator[object]:
        yield {"id": "a", "data": "x"}
        go_on.wait(60)

    def endless() -> Iterator[object]:
        deadline = time.monotonic() + 60
        while not go_on.is_set() and time.monotonic() < deadline:
            yield {"id": "a", "data": "x"}

    cancel_token = bulk.CancelToken()
    timer = threading.Timer(0.2, cancel_token.cancel)
    timer.start()
    try:
        for rows in (waits(), endless()):
            error = failed(partial(run, rows, dry_run=True, time_limit_seconds=0.3))
            assert (error.reason, error.retryable, error.report.all_read) == ("time_limit", True, False)
            assert "the time limit of 0.3 s has passed" in str(error)
        assert failed(lambda: run(waits(), dry_run=True, cancel_token=cancel_token)).reason == "cancelled"
    finally:
        go_on.set()
        timer.join(60)
        assert not timer.is_alive()
