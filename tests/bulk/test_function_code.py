"""Which changes of a function a checkpoint sees, and which it must not see."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.function_code import function_fingerprint
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.bulk.test_copy import copy_between, write
from tests.bulk.test_upserts import fetched
from tests.support.bulk_runs import failed

SOURCE = """
import functools, math
SIZE = 2
NAMES = {"a": ["b", (1, 2)], "words": {"x", "y"}}
calls, model = 0, object()

def shorten(numbers):
    return numbers[:SIZE]

class Base:
    def prepare(self, row):
        return row

class Transform(Base):
    def __init__(self, size):
        self.size = size
        self.calls = 0

    def __call__(self, row):
        self.calls += 1
        return self.helped(self.prepare(row))

    def helped(self, row):
        return {**row, "vector": row["vector"][: self.size]}

    def other(self, row):
        return self(row)

def closed(size):
    count = 0
    def inner(row):
        nonlocal count
        count += 1
        return [number for number in row["vector"][:size] if number in {"p", "q", "r", "s"}]
    return inner

def wrapped(function):
    @functools.wraps(function)
    def call(row):
        return function(row)
    return call

def plain(row, factor=2, *, shift=0):
    global calls
    calls += 1
    try:
        return {**row, "vector": shorten(row["vector"]), "of": [NAMES[row["a"]], model, math.floor(shift)]}
    except KeyError:
        return plain(row, factor)

FUNCTIONS = {
    "plain": plain,
    "partial": functools.partial(plain, factor=3),
    "object": Transform(2),
    "method": Transform(2).other,
    "closed": closed(2),
    "lambda": lambda row: shorten(row["vector"]),
    "wrapped": wrapped(plain),
}
"""
# what is replaced, and the functions that are others then
CHANGES: dict[str, tuple[str, str, set[str]]] = {
    "a constant": ("SIZE = 2", "SIZE = 3", {"plain", "partial", "lambda", "wrapped"}),
    "a mapping": ('["b", (1', '["c", (1', {"plain", "partial", "wrapped"}),
    "a set": ('"y"}', '"z"}', {"plain", "partial", "wrapped"}),
    "a function that is called": ("numbers[:", "numbers[1:", {"plain", "partial", "lambda", "wrapped"}),
    "a default": ("factor=2", "factor=4", {"plain", "partial", "wrapped"}),
    "a default of a keyword": ("shift=0", "shift=1", {"plain", "partial", "wrapped"}),
    "an exception": ("KeyError", "TypeError", {"plain", "partial", "wrapped"}),
    "an argument of a partial": ("plain, factor=3", "plain, factor=4", {"partial"}),
    "an attribute": ("Transform(2)", "Transform(3)", {"object", "method"}),
    "a method": ('row["vector"][: self', 'row["vector"][1 : self', {"object", "method"}),
    "a method of a base": ("        return row\n", "        return {**row}\n", {"object", "method"}),
    "a closure": ("closed(2)", "closed(3)", {"closed"}),
    "an inner constant": ('"q", "r"', '"q", "t"', {"closed"}),
    "a lambda": ('lambda row: shorten(row["vector"])', 'lambda row: shorten(row["other"])', {"lambda"}),
    "a wrapper": ("return function(row)", "return function(dict(row))", {"wrapped"}),
    "a comment": ("    count = 0\n", "    # of calls\n\n    count = 0\n", set()),
    "the name of a variable": (
        "def shorten(numbers):\n    return numbers",
        "def shorten(ns):\n    return ns",
        set(),
    ),
}


def fingerprints(source: str) -> dict[str, str]:
    module: dict[str, Any] = {"__name__": "transforms"}
    exec(compile(source, "transforms.py", "exec"), module)  # noqa: S102 - the text above
    return {name: function_fingerprint(function) for name, function in module["FUNCTIONS"].items()}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_seen_where_it_matters(case: str) -> None:
    old, new, changed = CHANGES[case]
    assert SOURCE.count(old) >= 1
    before, after = fingerprints(SOURCE), fingerprints(SOURCE.replace(old, new))
    assert {name for name in before if before[name] != after[name]} == changed
    assert all(name.startswith("transforms:") for name in before.values())


def test_what_a_function_assigns_is_not_of_its_code() -> None:
    module: dict[str, Any] = {"__name__": "transforms"}
    exec(SOURCE, module)  # noqa: S102 - as above
    row = {"vector": [1, 2, 3], "a": "a"}
    for name, function in module["FUNCTIONS"].items():
        before = function_fingerprint(function)
        function(row)
        assert function_fingerprint(function) == before, name


def test_it_is_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "transforms.py").write_text(SOURCE)
    program = (
        "import transforms; from airflow_provider_upstash_vector.bulk import function_code;"
        "print({name: function_code.function_fingerprint(f) for name, f in transforms.FUNCTIONS.items()})"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"},
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{fingerprints(SOURCE)}\n".encode()}


def test_functions_of_other_kinds_have_a_name() -> None:
    cyclic: list[Any] = [{}]
    cyclic[0]["itself"] = cyclic
    for function in (len, dict, "x".join, partial(len, cyclic), Path.exists, lambda: missing):
        assert function_fingerprint(function) == function_fingerprint(function)

    def missing() -> None: ...


def test_another_function_of_the_same_name_starts_over(server: DevServer, tmp_path: Path) -> None:
    rows = [{"id": f"v{n}", "data": f"text {n}"} for n in range(100)]
    endpoint, limits = (
        Endpoint.of(server.url, server.token),
        {"max_rows_per_request": 10, "max_rows_per_second": 100},
    )

    def transform(version: int, token: bulk.CancelToken) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def changed(row: dict[str, Any]) -> dict[str, Any]:
            if row["id"] == "v50" and version == 1:
                token.cancel()
            return {**row, "metadata": {"version": version}}

        return changed

    def embed(version: int, token: bulk.CancelToken) -> Callable[[list[str]], list[list[float]]]:
        def embedded(texts: list[str]) -> list[list[float]]:
            if "text 50" in texts and version == 1:
                token.cancel()
            return [[float(version), 1.0] for _ in texts]

        return embedded

    def load(version: int, token: bulk.CancelToken, **options: Any) -> bulk.BulkReport:
        options |= {"embed": embed(version, token), "embed_batch_size": 10, "cancel_token": token}
        return bulk.upsert(rows, endpoint, progress="none", checkpoint=tmp_path / "upsert", **options)

    token = bulk.CancelToken()
    assert failed(lambda: load(1, token, **limits)).report.done > 0
    assert load(2, bulk.CancelToken()).done == 100
    assert {vector.vector[0] for vector in fetched(server).values()} == {2}

    write(server, 100)
    with DevServer(dimension=2) as target:
        arguments = {"checkpoint": tmp_path / "copy", "page_size": 10}
        token = bulk.CancelToken()
        run = partial(copy_between, server, target, **arguments)
        first = {"transform": transform(1, token), "cancel_token": token, **limits}
        assert failed(lambda: run(**first)).report.done > 0
        assert run(transform=transform(2, token)).done == 100
        assert {vector.metadata["version"] for vector in fetched(target).values()} == {2}
