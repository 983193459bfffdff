from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from tests.support.reading import ids, read, source


def written(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("id\n" + name if ".csv" in name else f'{{"id":"{name}"}}\n')
    return folder


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("a.jsonl", True),
        ("a.ndjson", True),
        ("a.json", True),
        ("A.JSONL", True),
        ("a.csv", True),
        ("a.txt", False),
    ],
)
def test_the_ending_says_the_format(tmp_path: Path, name: str, taken: bool) -> None:
    path = written(tmp_path, name) / name
    if taken:
        assert ids(path) == [name]
    else:
        with pytest.raises(InvalidRows, match=r"a.txt: the suffix is not one of .jsonl, .*; pass format"):
            source(path)
        assert ids(path, format="jsonl") == [name]


def test_a_path_may_be_text_a_path_a_uri_or_anything_that_stands_for_one(tmp_path: Path) -> None:
    folder = written(tmp_path, "a b.jsonl")
    path = folder / "a b.jsonl"
    (entry,) = os.scandir(folder)
    uri = path.as_uri()
    for rows in (str(path), path, uri, uri.replace("file:///", "FILE://localhost/"), entry, [path]):
        assert ids(rows) == ["a b.jsonl"]


def test_a_glob_gives_its_files_in_order_of_name_and_no_folders(tmp_path: Path) -> None:
    folder = written(tmp_path, "2.jsonl", "10.jsonl", "1.jsonl", "de/ep/3.jsonl", "x.jsonl/part", ".hidden.jsonl")
    assert ids(f"{folder}/*.jsonl") == ["1.jsonl", "10.jsonl", "2.jsonl"]
    assert ids(f"{folder}/?.jsonl") == ["1.jsonl", "2.jsonl"]
    assert ids(f"file://{folder}/?.jsonl") == ["1.jsonl", "2.jsonl"]
    assert ids(f"{folder}/**/3.jsonl") == ["de/ep/3.jsonl"]
    assert ids([f"{folder}/2*", folder / "1.jsonl"]) == ["2.jsonl", "1.jsonl"]


@pytest.mark.parametrize("name", ["rows[1].jsonl", "rows*.jsonl", "100%.jsonl", "a#b?c.jsonl", "//odd/[x.jsonl"])
def test_a_file_may_have_a_name_that_looks_like_a_glob_or_uri(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name.lstrip("/")) / name.lstrip("/")
    assert ids(str(path)) == ids(f"/{path}") == ids(path.as_uri()) == [name.lstrip("/")]


def test_files_of_several_formats_are_one_source(tmp_path: Path) -> None:
    folder = written(tmp_path, "a.jsonl", "b.csv")
    paths = [str(folder / "b.csv"), str(folder / "a.jsonl")]
    assert [(file, place) for _, file, place in read(paths)] == [(paths[0], 2), (paths[1], 1)]
    assert source(paths).total is None


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://bucket/rows.jsonl", "'s3://bucket/rows.jsonl': only Airflow reads s3://"),
        (
            "file://server/rows.jsonl",
            "'file://server/rows.jsonl': a file:// URI of a local file has three slashes",
        ),
        ("/nowhere/*.jsonl", "no file matches '/nowhere/*.jsonl'"),
        ("/nowhere/rows.jsonl", "there is no file /nowhere/rows.jsonl"),
        ("", ". is a folder without the file _SUCCESS"),
    ],
)
def test_what_names_no_file(uri: str, reason: str) -> None:
    for rows in (uri, [uri]):
        with pytest.raises(InvalidRows) as raised:
            source(rows)
        assert reason in str(raised.value)


def test_a_file_that_is_gone_when_its_turn_comes(tmp_path: Path) -> None:
    folder = written(tmp_path, "a.jsonl", "b.jsonl")
    opened = source(f"{folder}/*.jsonl")
    rows = opened.rows(0)
    next(rows)
    (folder / "b.jsonl").unlink()
    with pytest.raises(InvalidRows, match=r"b.jsonl: there is no such file"):
        list(rows)
    assert opened.count_from(0, 60) is None


def test_a_pipe_is_read_once_and_not_counted(tmp_path: Path) -> None:
    pipe = tmp_path / "rows.jsonl"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pipe.open("wb") as writer:
        writer.write(b'{"id":"a"}\n{"id":"b"}\n')
        writer.flush()
        opened = source(pipe)
        rows = opened.rows(0)
        assert opened.count_from(0, 60) is None
        assert opened.fraction() is None
        assert next(source(pipe, shard=(0, 2)).rows(0)) == ({"id": "a"}, str(pipe), 1)
    del rows
    os.close(reader)


def test_the_fingerprint_sees_size_time_shard_and_which_files(tmp_path: Path) -> None:
    folder = written(tmp_path, "a.jsonl", "b.jsonl")
    one, other = folder / "a.jsonl", folder / "b.jsonl"
    found = [source(one).fingerprint, source(other).fingerprint, source([one, other]).fingerprint]
    found += [source(one, shard=(0, 2)).fingerprint, source(one, shard=(1, 2)).fingerprint]
    assert source(one).fingerprint == found[0]
    os.utime(one, (1, 1))
    found.append(source(one).fingerprint)
    one.write_bytes(b"")
    os.utime(one, (1, 1))
    found.append(source(one).fingerprint)
    assert len({*found}) == len(found)
