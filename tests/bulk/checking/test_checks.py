"""The checks on the dev server: numbers, sentences, requests, what is refused."""

from __future__ import annotations

import json
import math
import re
import threading
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from airflow_provider_upstash_vector.bulk.checking import (
    Check,
    CheckedNamespace,
    CheckReport,
    CheckResult,
    CountBetween,
    GoldQueries,
    MetadataHas,
    NoZeroVectors,
    SelfRecall,
    check,
)
from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import ApiError, Cancelled, InvalidRequest
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import PATIENT

EVERY: list[Check] = [NoZeroVectors(), MetadataHas("genre", "a.b"), CountBetween(1), SelfRecall()]


def write(endpoint: Endpoint, namespace: str, count: int, **others: Any) -> None:
    """Write vectors of different directions."""
    rows = [
        {
            "id": f"v{n}",
            "vector": [math.cos(math.tau * n / count), math.sin(math.tau * n / count)],
            "metadata": {"genre": "drama", "a": {"b": n}},
            **others,
        }
        for n in range(count)
    ]
    with VectorClient(endpoint) as client:
        client.upsert(rows, namespace)


def checked(endpoint: Endpoint, checks: list[Check], namespace: str = "new", **arguments: Any) -> CheckReport:
    return check(endpoint, checks=checks, namespace=namespace, **{"policy": PATIENT, **arguments})


def test_a_good_namespace_passes_with_few_requests(server: DevServer, endpoint: Endpoint) -> None:
    write(endpoint, "new", 1_050)
    server.requests.clear()
    report = checked(endpoint, EVERY, sample=150)
    assert report.passed, report
    assert [result.value for result in report.results] == [0, 1, 1_050, 1]
    assert (report.count, report.sampled, report.namespace, report.baseline) == (1_050, 150, "new", None)
    assert server.requests == {"info": 1, "range": 2, "fetch": 2, "query": 3}
    assert report.to_dict()["operations"] == {"written": 0, "read": 1 + 2 + 2 + 150}
    assert report.request_stats.requests == 1 + 2 + 2 + 3
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert len(checked(endpoint, [CountBetween(1)]).results) == 1
    assert server.requests["range"] == 2  # a check that uses no sample needs none


def test_bad_vectors_are_counted_and_named(endpoint: Endpoint) -> None:
    write(endpoint, "new", 96)
    with VectorClient(endpoint) as client:
        client.upsert([{"id": "zero", "vector": [0, 0], "metadata": {"genre": None, "a": {"b": 1}}}], "new")
        client.upsert([{"id": "bare", "vector": [0.1, 1]}], "new")
        same = client.fetch(["v1", "v1"], "new", include_vectors=True)[0]
        assert same
        client.upsert([{"id": f"twin{n}", "vector": same.vector, "metadata": {"genre": 1}} for n in (1, 2)], "new")
    zero, metadata, count, recall = checked(endpoint, EVERY, sample=1_000).results
    assert (zero.passed, zero.value, zero.examples) == (False, 1, ("zero",))
    assert (metadata.passed, metadata.value) == (False, 0.97)
    assert {*metadata.examples} == {"bare", "twin1", "twin2"}
    assert (
        "97.00% of 100 sampled vectors have 'genre', 'a.b' ('genre' is missing in 1, 'a.b' is missing in 3)"
        in (metadata.sentence)
    )
    assert count.passed
    assert (recall.passed, recall.value, recall.examples) == (True, 0.99, ("zero",))
    assert (
        checked(endpoint, [MetadataHas("genre", least=0.99), SelfRecall(least=1)]).failed[0].name == "SelfRecall"
    )


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        ((90, 110), True),
        ((101, None), False),
        ((None, 99), False),
        (("125%", None), True),
        (("126%", None), False),
        (("1%", "124.5%"), False),
        ((None, "125%"), True),
        ((0,), True),
    ],
)
def test_counts_are_compared_with_limits_and_the_baseline(
    endpoint: Endpoint, limits: tuple[Any, ...], passed: bool
) -> None:
    write(endpoint, "new", 100)
    write(endpoint, "old", 80)
    [result] = checked(endpoint, [CountBetween(*limits)], baseline="old").results
    assert (result.passed, result.value, result.baseline) == (passed, 100, 80)


def test_a_share_that_is_exactly_the_limit_passes(endpoint: Endpoint) -> None:
    with VectorClient(endpoint) as client:
        client.upsert([{"id": f"zero{n}", "vector": [0, 0]} for n in range(4)], "new")
        client.upsert([{"id": "good", "vector": [1, 1], "metadata": {"genre": 1}}], "new")
    checks = [MetadataHas("genre", least=0.2), SelfRecall(least=0.2)]
    assert [result.passed for result in checked(endpoint, checks).results] == [True, True]
    index: Any = SimpleNamespace(count=161, baseline=SimpleNamespace(count=250))
    assert CountBetween("64.4%", "64.4%").run(index).passed


def test_a_namespace_without_vectors_fails_each_check_of_the_sample(endpoint: Endpoint) -> None:
    report = checked(endpoint, EVERY, namespace="none")
    assert [result.passed for result in report.results] == [False] * 4
    assert report.results[0].sentence == "The namespace has no vectors."


def gold(path: Path, *lines: dict[str, Any]) -> str:
    path.write_text("".join(f"{json.dumps(line)}\n\n" for line in lines))
    return str(path)


def test_gold_queries_compare_the_recall_with_the_baseline(endpoint: Endpoint, tmp_path: Path) -> None:
    with VectorClient(endpoint) as client:
        rows = [{"id": id, "vector": vector} for id, vector in {"x": [1, 0], "y": [0, 1], "z": [-1, 0]}.items()]
        client.upsert(rows, "old")
        client.upsert([*rows[:2], {"id": "z", "vector": [0, -1]}], "new")
    path = gold(
        tmp_path / "gold.jsonl",
        {"vector": [1, 0.1], "ids": ["x"]},
        {"vector": [0.1, 1], "ids": ["y", "w", "v"]},
        {"vector": [-1, 0.1], "ids": ["z"]},
        {"vector": [1, 0], "ids": ["x"], "filter": "HAS FIELD genre"},
    )
    [result] = checked(endpoint, [GoldQueries(path, recall_at=1, least=0.5)], baseline="old").results
    assert (result.passed, result.value, result.baseline) == (True, 0.5, None)
    assert {*result.examples} == {"line 5", "line 7"}
    for allowed, passed in ((0.25, True), (0.24, False)):
        checks: list[Check] = [GoldQueries(path, recall_at=1, least=0.5, not_below_baseline=allowed)]
        [result] = checked(endpoint, checks, baseline="old").results
        assert (result.passed, result.value, result.baseline) == (passed, 0.5, 0.75)
    [result] = checked(endpoint, [GoldQueries(path, recall_at=2, least=0)]).results
    assert result.value == (1 + 0.5 + 1 + 0) / 4


@pytest.mark.parametrize("kind", ["DENSE", "SPARSE", "HYBRID"])
def test_every_kind_of_index_with_a_model(kind: str, tmp_path: Path) -> None:
    dense: dict[str, Any] = {} if kind == "SPARSE" else {"dimension": 64, "embedding_model": "BGE_M3"}
    sparse: dict[str, Any] = {} if kind == "DENSE" else {"sparse_embedding_model": "BM25"}
    with DevServer(index_type=kind, **dense, **sparse) as server:
        endpoint = Endpoint.of(server.url, server.token)
        with VectorClient(endpoint) as client:
            client.upsert_data([{"id": "horse", "data": "a horse runs"}, {"id": "price", "data": "stock prices"}])
        path = gold(tmp_path / "gold.jsonl", {"data": "horse runs", "ids": ["horse"]})
        checks: list[Check] = [NoZeroVectors(), SelfRecall(), GoldQueries(path, recall_at=1)]
        report = checked(endpoint, checks, namespace="")
        assert report.passed, report


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"vector": [1, 0]}', "line 2: .*a list of ids"),
        ('{"vector": [1, 0], "ids": []}', "line 2: .*a list of ids"),
        ("[1]", "line 2: .*must be an object"),
        ("{", "line 2: "),
        ('{"ids": ["a"]}', "line 2: .*set either data, or vector"),
        ('{"vector": [1, 0], "ids": ["a"], "top_k": 5}', "line 2: .*unknown field 'top_k'"),
        ('{"vector": ["x"], "ids": ["a"]}', "line 2: .*vector"),
    ],
)
def test_a_bad_line_is_refused_before_anything_is_sent(
    server: DevServer, endpoint: Endpoint, tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(f'{{"vector": [1, 0], "ids": ["a"]}}\n{line}\n')
    with pytest.raises(InvalidRows, match=message):
        checked(endpoint, [GoldQueries(str(path))])
    path.write_text("\n")
    for missing in (path, tmp_path / "none.jsonl"):
        with pytest.raises(InvalidRows, match=r"has no queries|there is no file"):
            checked(endpoint, [GoldQueries(str(missing))])
    assert not server.requests


class LongTexts(Check):
    """The sampled texts have at least 20 characters."""

    uses = ("data",)

    def run(self, index: CheckedNamespace) -> CheckResult:
        short = [vector.id for vector in index.sample if len(vector.data or "") < 20]
        sentence = f"{len(short):,} of {len(index.sample):,} sampled texts are short."
        return self.result(passed=not short, value=len(short), sentence=sentence, examples=short)


class Misspelt(LongTexts):
    uses = ("vector",)


class NoTuple(LongTexts):
    uses: ClassVar[Any] = "data"


class Unprepared(LongTexts):
    def prepare(self, _: Any) -> Any:
        return None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checks": []}, "checks: must be a list of checks"),
        ({"checks": ["NoZeroVectors"]}, "checks: must be a list of checks"),
        ({"checks": [CountBetween("95%")]}, "baseline: must be set, since CountBetween compares"),
        ({"checks": [GoldQueries("x", not_below_baseline=0.1)]}, "baseline: must be set, since GoldQueries"),
        ({"baseline": "new"}, "baseline: must be another namespace"),
        (
            {"checks": [Misspelt()]},
            r"checks: uses of Misspelt must be a tuple of data, metadata, vectors, got \('vec",
        ),
        (
            {"checks": [NoTuple()]},
            "checks: uses of NoTuple must be a tuple of data, metadata, vectors, got 'data'",
        ),
        ({"checks": [Unprepared()]}, r"checks: must be a list of checks, e.g. \[NoZeroVectors\(\)\], got \[None"),
        ({"sample": 10_001}, "sample: must be a whole number from 1"),
        ({"sample": 0}, "sample: must be a whole number from 1"),
        ({"seed": 1.5}, "seed: must be a whole number"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_sent(
    server: DevServer, endpoint: Endpoint, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        checked(endpoint, **{"checks": EVERY, **arguments})
    assert not server.requests


@pytest.mark.parametrize(
    "create",
    [
        lambda: CountBetween("95"),
        lambda: CountBetween(-1),
        lambda: CountBetween(True),
        lambda: CountBetween(float("nan")),  # type: ignore[arg-type]  # the mistake in question
        lambda: CountBetween(2, 1),
        lambda: CountBetween("101%", "100.5%"),
        lambda: SelfRecall(least=float("nan")),
        MetadataHas,
        lambda: MetadataHas("a b"),
        lambda: MetadataHas("a", least=2),
        lambda: SelfRecall(at=0),
        lambda: SelfRecall(least="1"),  # type: ignore[arg-type]  # the mistake in question
        lambda: GoldQueries(5),  # type: ignore[arg-type]  # as above
        lambda: GoldQueries("x", recall_at=1_001),
        lambda: GoldQueries("x", not_below_baseline=-1),
    ],
)
def test_an_invalid_check_cannot_be_created(create: Any) -> None:
    with pytest.raises(InvalidRequest):
        create()


class Wrong(LongTexts):
    def run(self, index: CheckedNamespace) -> Any:
        return 1 / 0 if index.count < 5 else "passed"


class Numbers(LongTexts):
    """A check with numbers of numpy, and examples that are no ids."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def run(self, index: CheckedNamespace) -> CheckResult:
        passed: Any = np.bool_(True)
        numbers: Any = range(99)
        return self.result(passed=passed, value=self.value, sentence="", baseline=self.value, examples=numbers)


class Asks(Check):
    async def run(self, index: CheckedNamespace) -> CheckResult:
        [found] = await index.query([{"vector": [1, 0], "top_k": 2}])
        return self.result(passed=len(found) == 2, value=len(found), sentence="A | B\nC")


def test_checks_of_the_users(endpoint: Endpoint) -> None:
    write(endpoint, "new", 12, data="a text that is long enough")
    write(endpoint, "few", 4, data="short")
    report = checked(endpoint, [LongTexts(), Wrong(), Asks()])
    assert [(result.passed, result.value) for result in report.results] == [(True, 0), (False, 0), (True, 2)]
    assert report.results[1].sentence.startswith("The check itself failed: TypeError: run() must return")
    report = checked(endpoint, [LongTexts(), Wrong()], namespace="few")
    assert report.results[1].sentence == "The check itself failed: ZeroDivisionError: division by zero"
    assert {*report.results[0].examples} == {"v0", "v1", "v2", "v3"}


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), Fraction(1, 2), np.int64(3), True, 3])
def test_any_number_is_a_plain_one_in_the_report(endpoint: Endpoint, value: Any) -> None:
    write(endpoint, "new", 3)
    [result] = checked(endpoint, [Numbers(value)]).to_dict()["checks"]
    assert (result["passed"], result["value"], result["baseline"]) == (True, value, value)
    assert result["examples"] == [str(n) for n in range(10)]
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize("value", [math.nan, np.float32("inf"), "x", None])
def test_a_result_without_a_number_is_a_failed_check(endpoint: Endpoint, value: Any) -> None:
    write(endpoint, "new", 3)
    [result] = checked(endpoint, [Numbers(value)]).results
    assert (result.passed, result.value) == (False, 0)
    assert result.sentence.startswith("The check itself failed: ")


def test_checks_of_one_kind_are_numbered(endpoint: Endpoint) -> None:
    write(endpoint, "new", 3)
    report = checked(endpoint, [MetadataHas("genre"), CountBetween(1), MetadataHas("year"), MetadataHas("a")])
    assert [result.name for result in report.results] == [
        "MetadataHas",
        "CountBetween",
        "MetadataHas 2",
        "MetadataHas 3",
    ]


def test_a_baseline_without_vectors_fails_each_check_that_compares_with_it(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    write(endpoint, "new", 3)
    path = gold(tmp_path / "gold.jsonl", {"vector": [1, 0], "ids": ["v0"]})
    compared: list[Check] = [CountBetween("95%", None), GoldQueries(path, least=0, not_below_baseline=0)]
    report = checked(endpoint, [*compared, CountBetween(3), GoldQueries(path)], baseline="none")
    assert [result.passed for result in report.results] == [False, False, True, True]
    assert report.results[0].sentence == "The baseline has no vectors."


def test_gold_ids_that_are_not_in_the_namespace_are_counted(endpoint: Endpoint, tmp_path: Path) -> None:
    write(endpoint, "new", 3)
    path = gold(
        tmp_path / "gold.jsonl", {"vector": [1, 0], "ids": ["v0", "old"]}, {"vector": [1, 1], "ids": ["x"]}
    )
    [result] = checked(endpoint, [GoldQueries(path)]).results
    assert result.value == 0.25
    assert result.sentence.endswith("expected at least 90.00%. 2 of the 3 ids are not in the namespace.")


def test_the_check_of_the_how_to(endpoint: Endpoint) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "check.md").read_text()
    [code] = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "(Check)" in block]
    assert len(code.split("\n\n\n")[1].strip().splitlines()) <= 10
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own
    with VectorClient(endpoint) as client:
        for namespace, titles in {"new": "abc", "old": "aba"}.items():
            rows = ({"id": f"v{n}", "vector": [1, n], "metadata": {"title": t}} for n, t in enumerate(titles))
            client.upsert(rows, namespace)
    for namespace, repeated in (("new", 0), ("old", 1)):
        [result] = checked(endpoint, [names["TitlesAreUnique"]()], namespace=namespace).results
        assert (result.passed, result.value) == (not repeated, repeated)


def test_the_report_is_a_table(endpoint: Endpoint) -> None:
    write(endpoint, "new", 3, data="short")
    report = checked(endpoint, [Asks(), LongTexts()])
    assert report.to_markdown().splitlines() == [
        "| Check | Result | Value | Baseline |  |",
        "| --- | --- | --- | --- | --- |",
        "| Asks | passed | 2 |  | A \\| B C |",
        "| LongTexts | FAILED | 3 |  | 3 of 3 sampled texts are short. |",
        "",
        f"LongTexts, for example: {', '.join(f'`{id}`' for id in report.results[1].examples)}",
    ]
    assert [line.split()[:3] for line in str(report).splitlines() if line.split()[1:]][:1] == [
        ["Asks", "passed", "2"]
    ]


def test_an_error_of_the_service_is_raised_and_a_run_can_be_cancelled(
    server: DevServer, endpoint: Endpoint
) -> None:
    write(endpoint, "new", 300)
    server.faults.add(Fault(kind="status", status=400, command="query"))
    with pytest.raises(ApiError):
        checked(endpoint, EVERY)
    server.faults.add(Fault(kind="slow", seconds=60, command="range"))
    token = CancelToken()
    threading.Timer(0.3, token.cancel).start()
    with pytest.raises(Cancelled, match="the checks were cancelled"):
        checked(endpoint, EVERY, cancel_token=token)
