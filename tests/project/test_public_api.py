"""The public API: what packages export, what the reference documents, and the paths that Airflow stores."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task
from airflow.serialization import serialized_objects

from airflow_provider_upstash_vector import get_provider_info
from airflow_provider_upstash_vector.operators.base.arguments import UNSET
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    ExportVectorsOperator,
    FetchVectorsOperator,
    QueryVectorsOperator,
    UpdateVectorOperator,
)
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from airflow_provider_upstash_vector.triggers.upstash_vector import UpstashVectorTrigger
from tests.support.airflow_features import AIRFLOW
from tests.support.airflow_home import ROOT

PACKAGE = "airflow_provider_upstash_vector"
PUBLIC = {
    "": ["get_provider_info"],
    "assets.upstash_vector": [
        "convert_asset_to_openlineage",
        "create_asset",
        "sanitize_uri",
        "upstash_vector_asset",
    ],
    "bulk": [
        "BulkJobFailed",
        "BulkReport",
        "CancelToken",
        "CheckpointInUse",
        "CheckpointStore",
        "ExportFailed",
        "ExportReport",
        "FileCheckpoint",
        "InvalidRows",
        "Superseded",
        "SyncFailed",
        "SyncReport",
        "TooManyMatches",
        "UpdateWhereReport",
        "copy",
        "copy_async",
        "delete",
        "delete_async",
        "delete_selected",
        "delete_selected_async",
        "export",
        "export_async",
        "forget",
        "sync",
        "sync_async",
        "update",
        "update_async",
        "update_where",
        "update_where_async",
        "upsert",
        "upsert_async",
    ],
    "bulk.checking": [
        "Check",
        "CheckReport",
        "CheckResult",
        "CheckedNamespace",
        "CountBetween",
        "GoldQueries",
        "MetadataHas",
        "NoZeroVectors",
        "SelfRecall",
        "check",
        "check_async",
    ],
    "client": [
        "AsyncVectorClient",
        "Credentials",
        "Data",
        "Endpoint",
        "ExpiredNamespaces",
        "FetchedVector",
        "Field",
        "Filter",
        "IndexInfo",
        "NamespaceSwap",
        "Query",
        "QueryResult",
        "RetryPolicy",
        "SparseVector",
        "Vector",
        "VectorClient",
        "VectorUpdate",
    ],
    "client.errors": [
        "ApiError",
        "BadRequest",
        "Cancelled",
        "ConnectionFailed",
        "ConnectionFailureReason",
        "DifferentEventLoop",
        "InvalidEndpoint",
        "InvalidRequest",
        "InvalidResponse",
        "NotFound",
        "PayloadTooLarge",
        "QuotaExceeded",
        "RateLimited",
        "ResponseLost",
        "ResponseTimeout",
        "ServerError",
        "TokenRejected",
        "TransportError",
        "Unauthorized",
        "UpstashVectorError",
    ],
    "decorators.upstash_vector": [
        "BulkDeleteVectorsDecoratedOperator",
        "BulkUpdateVectorsDecoratedOperator",
        "BulkUpsertVectorsDecoratedOperator",
        "UpdateVectorDecoratedOperator",
        "upstash_vector_bulk_delete_task",
        "upstash_vector_bulk_update_task",
        "upstash_vector_bulk_upsert_task",
        "upstash_vector_update_task",
    ],
    "dev_server": ["DevServer", "Fault", "IndexSpec"],
    "hooks.upstash_vector": ["UpstashVectorHook"],
    "links.upstash_vector": ["UpstashConsoleLink"],
    "operators.upstash_vector": [
        "BulkDeleteVectorsOperator",
        "BulkUpdateVectorsOperator",
        "BulkUpsertVectorsOperator",
        "CheckVectorsOperator",
        "CopyVectorsOperator",
        "DeleteNamespaceOperator",
        "DeleteVectorsOperator",
        "ExpireNamespacesOperator",
        "ExportVectorsOperator",
        "FetchVectorsOperator",
        "ListNamespacesOperator",
        "QueryVectorsOperator",
        "RenameNamespaceOperator",
        "ResetNamespaceOperator",
        "RollbackNamespaceOperator",
        "SwapNamespaceOperator",
        "SyncVectorsOperator",
        "UpdateVectorOperator",
        "UpdateVectorsWhereOperator",
        "UpsertVectorOperator",
    ],
    "retry_policies.upstash_vector": ["UpstashVectorRetryPolicy"],
    "sensors.upstash_vector": ["UpstashVectorIndexReadySensor"],
    "triggers.upstash_vector": ["UpstashVectorTrigger"],
}
# imported only by Airflow, so not in the reference
FOR_AIRFLOW = {
    "BulkDeleteVectorsDecoratedOperator",
    "BulkUpdateVectorsDecoratedOperator",
    "BulkUpsertVectorsDecoratedOperator",
    "UpdateVectorDecoratedOperator",
    "UpstashConsoleLink",
    "convert_asset_to_openlineage",
    "create_asset",
    "sanitize_uri",
}
# in the reference, but not to be imported: the signatures of the decorators, and a plugin with its fixture
SHOWN_ONLY = {"BulkDeleteTask", "BulkUpdateTask", "BulkUpsertTask", "UpdateTask", "pytest_plugin"}
PAGES = {
    "airflow": [name for name in PUBLIC if name.endswith(".upstash_vector")],
    "client": ["client", "client.errors"],
    "dev-server": ["dev_server"],
}


def public_module(name: str) -> Any:
    return import_module(f"{PACKAGE}.{name}".rstrip("."))


def defined_names(path: Path) -> set[str]:
    """Return the names that a module defines at its top level, without imports and underscored names."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_module_exports_its_names(name: str) -> None:
    module = public_module(name)
    assert [public for public in PUBLIC[name] if not hasattr(module, public)] == []
    assert sorted(getattr(module, "__all__", PUBLIC[name])) == PUBLIC[name]


@pytest.mark.parametrize("name", PUBLIC)
def test_other_names_of_a_public_module_are_private(name: str) -> None:
    assert defined_names(Path(public_module(name).__file__)) <= {*PUBLIC[name]}


@pytest.mark.parametrize("page", PAGES)
def test_the_reference_documents_the_public_names(page: str) -> None:
    text = (ROOT / f"docs/reference/{page}.md").read_text()
    paths = re.findall(rf"^::: {PACKAGE}\.(\S+)", text, re.MULTILINE)
    shown = {name for path in paths for name in PUBLIC.get(path, [path.rpartition(".")[2]])}
    public = {public for name in PAGES[page] for public in PUBLIC[name]}
    assert shown - SHOWN_ONLY <= public
    assert {name for name in public - FOR_AIRFLOW - shown if f"`{name}`" not in text} == set()


def stored_paths(dag: Any) -> dict[str, str]:
    """Return the class paths of a serialized DAG by task id."""
    serialization = "DagSerialization" if AIRFLOW >= (3, 2) else "SerializedDAG"
    tasks = getattr(serialized_objects, serialization).to_dict(dag)["dag"]["tasks"]
    fields = [stored.get("__var", stored) for stored in tasks]
    names = [stored.get("task_type", stored.get("_task_type")) for stored in fields]  # the latter in Airflow 2
    return {
        stored["task_id"]: f"{stored['_task_module']}.{name}" for stored, name in zip(fields, names, strict=True)
    }


def test_a_serialized_dag_has_the_public_paths_of_its_tasks() -> None:
    with DAG("d", schedule=None) as dag:
        UpdateVectorOperator(task_id="update", vector_id="a", data="x")
        UpdateVectorOperator.partial(task_id="mapped", data="x").expand(vector_id=["a", "b"])
        BulkUpdateVectorsOperator(task_id="bulk", rows=["rows.jsonl"])
        UpstashVectorIndexReadySensor(task_id="sensor")
        QueryVectorsOperator(task_id="query", data="x")
        FetchVectorsOperator.partial(task_id="fetch").expand(prefix=["a", "b"])
        ExportVectorsOperator(task_id="export", path="e")

        @task.upstash_vector_bulk_update
        def decorated() -> list[dict[str, Any]]:
            return []

        decorated()
    assert stored_paths(dag) == {
        "update": f"{PACKAGE}.operators.upstash_vector.UpdateVectorOperator",
        "mapped": f"{PACKAGE}.operators.upstash_vector.UpdateVectorOperator",
        "bulk": f"{PACKAGE}.operators.upstash_vector.BulkUpdateVectorsOperator",
        "export": f"{PACKAGE}.operators.upstash_vector.ExportVectorsOperator",
        "sensor": f"{PACKAGE}.sensors.upstash_vector.UpstashVectorIndexReadySensor",
        "query": f"{PACKAGE}.operators.upstash_vector.QueryVectorsOperator",
        "fetch": f"{PACKAGE}.operators.upstash_vector.FetchVectorsOperator",
        "decorated": f"{PACKAGE}.decorators.upstash_vector.BulkUpdateVectorsDecoratedOperator",
    }


def test_a_serialized_trigger_has_its_public_path() -> None:
    path, arguments = UpstashVectorTrigger(upstash_vector_conn_id="c").serialize()
    assert path == f"{PACKAGE}.triggers.upstash_vector.UpstashVectorTrigger"
    assert UpstashVectorTrigger(**arguments).serialize() == (path, arguments)


def test_the_provider_info_has_public_paths() -> None:
    text = repr(get_provider_info())
    paths = set(re.findall(rf"'{PACKAGE}\.([\w.]+)'", text))
    public = {f"{name}.{public}" for name, names in PUBLIC.items() for public in names}
    assert paths
    assert paths <= public | PUBLIC.keys()


@pytest.mark.parametrize("kind", [UpdateVectorOperator, BulkUpdateVectorsOperator])
def test_a_moved_class_can_be_pickled_and_its_methods_have_source(kind: Any) -> None:
    assert pickle.loads(pickle.dumps(kind)) is kind  # noqa: S301 - our own
    assert "def execute" in inspect.getsource(kind.execute)


ARGUMENTS = {
    "vector_id": "a",
    "data": "x",
    "ids": "a",
    "rows": ["rows.jsonl"],
    "path": "e",
    "upstash_vector_conn_id": "c",
    "first_check_seconds": 1.0,
}
ATTRIBUTES = {"dry_run": "_dry_run"}  # `dry_run` is a method of every operator


def own_arguments(kind: Any) -> dict[str, Any]:
    """Return the arguments that a class and its bases in this package take, with values."""
    bases = [base for base in kind.__mro__ if base.__module__.startswith(PACKAGE) and "__init__" in vars(base)]
    parameters = {
        name: parameter
        for base in bases
        for name, parameter in inspect.signature(inspect.unwrap(vars(base)["__init__"])).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return {name: ARGUMENTS.get(name, parameter.default) for name, parameter in parameters.items()}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (UpdateVectorOperator, {"task_id": "t"}),
        (BulkUpdateVectorsOperator, {"task_id": "t"}),
        (QueryVectorsOperator, {"task_id": "t"}),
        (FetchVectorsOperator, {"task_id": "t"}),
        (ExportVectorsOperator, {"task_id": "t"}),
        (UpstashVectorIndexReadySensor, {"task_id": "t"}),
        (UpstashVectorTrigger, {}),
    ],
)
def test_every_argument_is_an_attribute(kind: Any, options: dict[str, Any]) -> None:
    arguments = own_arguments(kind)
    assert "upstash_vector_conn_id" in arguments
    created = kind(**options, **arguments)
    expected = {name: None if value is UNSET else value for name, value in arguments.items()}
    assert {name: getattr(created, ATTRIBUTES.get(name, name)) for name in arguments} == expected
