from __future__ import annotations

import gzip
import random
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from airflow_provider_upstash_vector.bulk.sources import PENDING, InvalidRows, SourceBroken, SourceRow, formats
from tests.support.reading import ids, source, values

Compress = Callable[[bytes], bytes]
KINDS: list[tuple[str, Compress]] = [(".gz", gzip.compress), (".zst", formats.zstd().compress)]
each_kind = pytest.mark.parametrize(("suffix", "compress"), KINDS, ids=["gz", "zst"])


def lines(count: int) -> bytes:
    numbers = random.Random(1)
    rows = ({"id": str(row), "data": f"{numbers.getrandbits(400):x}"} for row in range(count))
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def written(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def read_until_broken(path: str) -> tuple[list[SourceRow], SourceBroken]:
    rows: list[SourceRow] = []
    with pytest.raises(SourceBroken) as raised:  # noqa: PT012 - the rows before are wanted
        for row in source(path).rows(0):
            rows += [row] if row is not PENDING else []
    return rows, raised.value


@each_kind
@pytest.mark.parametrize("count", [0, 1, 5000])
def test_a_compressed_file_has_the_rows_of_the_plain_one(
    tmp_path: Path, suffix: str, compress: Compress, count: int
) -> None:
    path = written(tmp_path, f"rows.jsonl{suffix.upper()}", compress(lines(count)))
    assert values(path) == [orjson.loads(line) for line in lines(count).splitlines()]


@each_kind
def test_a_csv_file_may_be_compressed(tmp_path: Path, suffix: str, compress: Compress) -> None:
    path = written(tmp_path, f"rows.csv{suffix}", compress(b"\xef\xbb\xbfid,data\na,x\nb,y"))
    assert ids(path) == ["a", "b"]


@each_kind
def test_members_and_frames_are_read_one_after_another(tmp_path: Path, suffix: str, compress: Compress) -> None:
    path = written(
        tmp_path, f"rows.jsonl{suffix}", b"".join(compress(line) for line in lines(50).splitlines(True))
    )
    assert ids(path) == [str(row) for row in range(50)]


@each_kind
@pytest.mark.parametrize("part", [0.3, 0.7, 0.999999])
def test_the_rows_before_a_cut_come_before_the_error(
    tmp_path: Path, suffix: str, compress: Compress, part: float
) -> None:
    whole = compress(lines(20_000))
    path = written(tmp_path, f"rows.jsonl{suffix}", whole[: int(len(whole) * part)])
    rows, error = read_until_broken(path)
    assert [row[0] for row in rows] == [orjson.loads(line) for line in lines(20_000).splitlines()[: len(rows)]]
    assert 20_000 * part * 0.8 < len(rows) <= 20_000
    assert error.rows_read == len(rows)
    assert str(error).startswith(f"reading {path} failed after {len(rows):,} rows: ")
    assert source(path).count_from(0, 60) is None


@each_kind
def test_the_rows_of_a_csv_file_before_a_cut_come_before_the_error(
    tmp_path: Path, suffix: str, compress: Compress
) -> None:
    numbers = random.Random(1)
    plain = "id,data\n" + "".join(f"{row},{numbers.getrandbits(400):x}\n" for row in range(20_000))
    whole = compress(plain.encode())
    rows, _ = read_until_broken(written(tmp_path, f"rows.csv{suffix}", whole[: len(whole) // 2]))
    assert 8_000 < len(rows) < 20_000


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("content", [b'{"id":"a"}\n', b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_what_is_not_compressed_as_its_ending_says_is_broken(tmp_path: Path, suffix: str, content: bytes) -> None:
    rows, error = read_until_broken(written(tmp_path, f"rows.jsonl{suffix}", content))
    assert rows == []
    assert error.rows_read == 0


def test_a_checksum_that_is_wrong_is_broken(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(lines(10)))
    whole[-8] ^= 1
    rows, error = read_until_broken(written(tmp_path, "rows.jsonl.gz", bytes(whole)))
    assert len(rows) <= 10
    assert "CRC" in str(error)


@each_kind
def test_skipped_rows_count_among_those_before_a_cut(tmp_path: Path, suffix: str, compress: Compress) -> None:
    whole = compress(lines(20_000))
    path = written(tmp_path, f"rows.jsonl{suffix}", whole[:-1000])
    whole_count = read_until_broken(path)[1].rows_read
    with pytest.raises(SourceBroken) as raised:
        list(source(path).rows(5000))
    assert raised.value.rows_read == whole_count


def test_a_parquet_file_is_not_compressed_from_outside(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.parquet.gz", gzip.compress(b""))
    with pytest.raises(InvalidRows, match="compressed inside, not as a whole"):
        source(path)
    with pytest.raises(InvalidRows, match="compressed inside, not as a whole"):
        source(path, format="parquet")


def test_without_zstd_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = written(tmp_path, "rows.jsonl.zst", b"")
    for name in ("backports.zstd", "formats.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InvalidRows, match=r"pip install 'airflow-provider-upstash-vector\[zstd\]'"):
        source(path)
