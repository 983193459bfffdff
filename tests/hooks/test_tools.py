"""The hook's methods as tools of a model: what ``HookToolset`` of Airflow's common-ai provider reads of them.

It takes parameters from ``inspect.signature``, types from ``__annotations__`` and texts from ``:param`` lines. It
refuses to pin an argument that is not a named parameter of every method. tests/interop/test_common_ai.py runs it.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from itertools import product
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
from pydantic_core import to_jsonable_python

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.checking import Check
from airflow_provider_upstash_vector.client import AsyncVectorClient, VectorClient
from airflow_provider_upstash_vector.client.models import FetchedVector, Query, QueryResult
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook

GENERATED = [name for name, method in vars(VectorClient).items() if hasattr(method, "__signature__")]
LAZY = {"Check": Check}  # which the hook imports on use
OPERATIONS = ["update", "update_where", "upsert", "delete"]
BULK_METHODS = [f"bulk_{operation}" for operation in OPERATIONS]
OTHER_RUNS = ["bulk_copy", "check", "delete_selected", "sync"]
QUERIES = ["query", "query_data", "resumable_query"]


def parameters(method: Any) -> dict[str, inspect.Parameter]:
    return {name: value for name, value in inspect.signature(method).parameters.items() if name != "self"}


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *product([UpstashVectorHook, VectorClient, AsyncVectorClient], [*GENERATED, "update"]),
        *product([UpstashVectorHook, UpstashVectorHook("my_index")], [*BULK_METHODS, *OTHER_RUNS]),
    ],
)
def test_every_parameter_has_a_name_a_type_and_a_text(owner: Any, name: str) -> None:
    method = getattr(owner, name)
    texts = dict(re.findall(r":param\s+(\w+):\s*(.+?)(?=\n\s*:|$)", method.__doc__, re.DOTALL))
    assert texts.keys() == parameters(method).keys()
    namespace = parameters(method).get("namespace")
    of_the_connection = (
        owner not in {VectorClient, AsyncVectorClient} and namespace is not None and namespace.default is None
    )
    assert ("of the connection" in texts.get("namespace", "")) is of_the_connection
    for parameter in parameters(method).values():
        assert parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
        annotation = {parameter.name: method.__annotations__[parameter.name]}
        assert get_type_hints(SimpleNamespace(__annotations__=annotation), method.__globals__, LAZY)


@pytest.mark.parametrize("name", QUERIES)
def test_the_options_of_queries_are_parameters(name: str) -> None:
    method = getattr(UpstashVectorHook("my_index"), name)
    options = {name: value.default for name, value in parameters(method).items() if name in Query.model_fields}
    assert options.pop("vector" if name != "query_data" else "data") in {None, inspect.Parameter.empty}
    assert options == {option: Query.model_fields[option].default for option in options}
    assert options.keys() >= Query.model_fields.keys() - {"vector", "sparse_vector", "data"}
    assert (method.__annotations__["top_k"], method.__annotations__["include_metadata"]) == (int, bool)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_arguments_of_bulk_runs_are_parameters(operation: str) -> None:
    run = inspect.signature(getattr(bulk, operation)).parameters
    of_hook = parameters(getattr(UpstashVectorHook("my_index"), f"bulk_{operation}"))
    assert [*of_hook] == [name for name in run if name != "endpoint"]
    assert of_hook.pop("namespace").default is None
    assert of_hook == {name: run[name] for name in of_hook}
    assert of_hook["max_rows_per_second"].annotation == float | None


def test_the_hook_imports_no_bulk_run_until_its_signature_is_read() -> None:
    module = "airflow_provider_upstash_vector.bulk.api"
    code = f"""
import inspect, sys
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
before = {module!r} in sys.modules
print("imported", before, "dry_run" in inspect.signature(UpstashVectorHook.bulk_upsert).parameters)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "imported False True" in done.stdout


def test_results_are_compact() -> None:
    found = QueryResult(id="a", score=0.5, metadata={"genre": None})
    assert to_jsonable_python([found]) == [{"id": "a", "score": 0.5, "metadata": {"genre": None}}]
    assert repr(found) == "QueryResult(id='a', metadata={'genre': None}, score=0.5)"
    assert FetchedVector.model_validate(found.model_dump()).metadata == found.metadata
