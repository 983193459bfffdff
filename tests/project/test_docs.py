"""The documentation: it builds without a broken link, its DAGs run, and it lists every argument and error."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from typing_extensions import is_typeddict

from airflow_provider_upstash_vector.bulk import errors as bulk_errors
from airflow_provider_upstash_vector.bulk.operations.copy import CopyOptions
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.options import option_help, option_types
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client import errors as client_errors
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkDeleteVectorsOperator,
    BulkUpdateVectorsOperator,
    BulkUpsertVectorsOperator,
    CheckVectorsOperator,
    CopyVectorsOperator,
    DeleteNamespaceOperator,
    DeleteVectorsOperator,
    ExpireNamespacesOperator,
    ExportVectorsOperator,
    FetchVectorsOperator,
    ListNamespacesOperator,
    QueryVectorsOperator,
    RenameNamespaceOperator,
    ResetNamespaceOperator,
    RollbackNamespaceOperator,
    SwapNamespaceOperator,
    SyncVectorsOperator,
    UpdateVectorOperator,
    UpdateVectorsWhereOperator,
    UpsertVectorOperator,
)
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from scripts.griffe_signatures import SET_BY_CLASS
from scripts.mkdocs_options import on_page_markdown
from tests.support.airflow_home import ROOT, AirflowHome
from tests.support.dag_runs import DagRun, load_dags

DOCS = ROOT / "docs"
OPERATIONS: dict[str, Any] = {
    "copy": CopyOptions,
    "sync": SyncOptions,
    "update": UpdateOptions,
    "upsert": UpsertOptions,
    "delete": DeleteOptions,
}
MOVIES = [{"id": f"movie-{number}", "vector": [number, 1], "data": "old"} for number in (1, 2, 3)]


def python_blocks() -> list[tuple[str, str]]:
    """Return page and text of each Python block, except included files, which have their own tests."""
    pages = []
    for page in sorted(DOCS.rglob("*.md")):
        blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
        pages += [(str(page.relative_to(DOCS)), block) for block in blocks if "--8<--" not in block]
    return pages


RECIPES = "how-to/foreign-vectors.md"  # tests/interop runs its DAGs
DAGS = [(page, block) for page, block in python_blocks() if "DAG(" in block and page != RECIPES]


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build as ``make docs`` does."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    silent = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # without the theme's notice of its end of life
    return subprocess.run(
        command, cwd=config, env=silent, capture_output=True, text=True, check=False, timeout=400
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built pages."""
    path = tmp_path_factory.mktemp("site")
    built = build(ROOT, path)
    assert built.returncode == 0, built.stderr
    return path


def text_of(html: str) -> str:
    """Return the text of a page, without markup."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_it_builds_strictly(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetched = re.findall(r"<(?:script|img|iframe)[^>]* src=\"?(?:https?:)?//[^\s\">]+", page.read_text())
        fetched += re.findall(r"<link[^>]* rel=\"?(?:stylesheet|preconnect)[^>]*//[^>]+", page.read_text())
        assert not fetched, (page.name, fetched)
    text = "".join(text_of(page.read_text()) for page in site.rglob("*.html"))
    for example in (ROOT / "example_dags").glob("*.py"):
        assert example.read_text().strip() in text, f"{example.name} is on no page"
    assert "--8" not in text


def test_make_docs_builds_in_the_same_way() -> None:
    assert "NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict\n" in (ROOT / "Makefile").read_text()


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    broken = {
        "no-such-page": "[a page](no-such-page.md)",
        "no-such-place": "[a place](errors.md#no-such-place)",
        "no.such.name": "[one of the reference][no.such.name]",
    }
    copy = tmp_path / "copy"
    for folder in ("docs", "example_dags", "scripts", "airflow_provider_upstash_vector"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("mkdocs.yml", "README.md"):
        shutil.copy(ROOT / file, copy)
    with (copy / "docs/limits.md").open("a") as page:
        page.writelines(f"\n{link}\n" for link in broken.values())
    built = build(copy, tmp_path / "site")
    assert built.returncode == 1
    warnings = [line for line in built.stderr.splitlines() if line.startswith("WARNING")]
    assert len(warnings) == len(broken)
    for target in broken:
        assert any("limits.md" in warning and target in warning for warning in warnings), (target, warnings)


@dataclass(frozen=True)
class Entry:
    """The entry of a class, function or method in the reference."""

    signature: str
    parameters: dict[str, tuple[str, str]]  # type and default by name, as in the list
    prose_in_parameters: list[str]


def entry_of(site: Path, page: str, name: str) -> Entry:
    """Return the entry between a heading of the reference and the next."""
    html = (site / "reference" / f"{page}.html").read_text()
    (begin,) = [match.end() for match in re.finditer(rf'<h\d id="?{re.escape(name)}"? class="?doc', html)]
    end = re.compile(r"<h\d ").search(html, begin)
    part = html[begin : end.start() if end else len(html)]
    signature = re.search(r'<div class="?doc-signature.*?</code>', part, re.DOTALL)
    items = re.findall(r'<li class="?doc-section-item.*?</li>', part, re.DOTALL)
    parameters = {}
    for item in items:
        head = " ".join(text_of(item.split('<div class="doc-md-description"')[0]).split())
        match = re.fullmatch(r"(\w+) \((.*?)(?:, default: (.*?))? ?\) \W", head)  # ends in a dash
        assert match, (name, head)
        parameters[match[1]] = (match[2], match[3] or "")
    prose = [item for item in items if item.count("<p>") > 1]
    return Entry(" ".join(text_of(signature[0]).split()) if signature else "", parameters, prose)


COMPUTED = {"size_bytes", "deferrable", "max_part_bytes"}  # their defaults are shown as expressions


def entries() -> list[tuple[str, str]]:
    """Return page and name of each class, function and module in the reference."""
    pages = sorted((DOCS / "reference").glob("*.md"))
    return [
        (page.stem, name) for page in pages for name in re.findall(r"^::: (\S+)", page.read_text(), re.MULTILINE)
    ]


def own_parameters(target: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class or function, with those that ``**kwargs`` pass to bases."""
    if not inspect.isclass(target):
        return dict(inspect.signature(target).parameters)
    if is_typeddict(target) or issubclass(target, BaseModel):
        names = getattr(target, "model_fields", target.__annotations__)
        return {name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names}
    parameters: dict[str, inspect.Parameter] = {}
    for base in target.__mro__:
        if not base.__module__.startswith("airflow_provider") or "__init__" not in vars(base):
            continue
        own = inspect.signature(inspect.unwrap(vars(base)["__init__"])).parameters
        parameters = {**{name: own[name] for name in own if name != "self"}, **parameters}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own.values()):
            break
    for name in SET_BY_CLASS.get(target.__name__, ()):
        parameters.pop(name, None)
    return parameters


def docstring(target: Any) -> str:
    """Return a docstring with the parameters that the reference adds to it."""
    text = inspect.getdoc(target) or ""
    for operation in OPERATIONS:
        options = "".join(f":param {name}: …\n" for name in options_of(operation))
        text = re.sub(rf":param \w+: those of .*{operation.title()}Arguments`\.\n?", options, text)
    return text


def options_of(operation: str) -> dict[str, Any]:
    """Return the default of each option but the namespace."""
    options = OPERATIONS[operation]
    return {name: getattr(options, name) for name in option_types(options) if name != "namespace"}


def place_of(name: str) -> str:
    """Return the name of a module, operator or page; copies, deletes and syncs have others."""
    for common, own in (
        ("bulk.api.copy", "bulk.copying.copy"),
        ("BulkCopy", "Copy"),
        ("bulk-copy", "copy"),
        ("bulk.api.sync", "bulk.syncing.api.sync"),
        ("bulk_sync", "sync"),
        ("BulkSync", "Sync"),
        ("bulk-sync", "sync"),
        ("bulk-delete", "delete"),
    ):
        name = name.replace(common, own)
    return name


@pytest.mark.parametrize(("page", "name"), entries())
def test_the_reference_shows_every_parameter(site: Path, page: str, name: str) -> None:
    target = imported(name)
    assert inspect.getdoc(target)
    if inspect.ismodule(target) or getattr(target, "_is_protocol", False):
        return
    entry = entry_of(site, page, name)
    documented = re.findall(r":param (\w+):", docstring(target))
    assert [*entry.parameters] == documented
    assert entry.prose_in_parameters == []
    parameters = own_parameters(target)
    assert set(documented) in (set(), parameters.keys() - {"kwargs"})
    for argument, parameter in parameters.items():
        assert re.search(rf"[(, *]{argument}: ", entry.signature), argument
        if type(parameter.default) in {str, int, float, bool, type(None)} and argument not in COMPUTED:
            assert f"= {parameter.default!r}".replace("'", '"') in entry.signature.replace("'", '"'), argument


def imported(name: str) -> Any:
    module, _, last = name.rpartition(".")
    return getattr(import_module(module), last, None) or import_module(name)


CONNECTION = ("str", "'upstash_vector_default'")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "operators.upstash_vector.UpdateVectorOperator",
            {
                "vector_id": ("str | XComArg", ""),
                "on_missing": ("OnMissing", "'ignore'"),
                "wait_until_indexed": ("bool", "False"),
                "poke_interval": ("timedelta | float", "10.0"),
                "wait_timeout": ("timedelta | float", "3600.0"),
                "upstash_vector_conn_id": CONNECTION,
            },
        ),
        (
            "operators.upstash_vector.BulkUpdateVectorsOperator",
            {"rows": ("Any", ""), "checkpoint": ("str | PathLike[str] | XComArg | None", "'auto'")},
        ),
        ("sensors.upstash_vector.UpstashVectorIndexReadySensor", {"upstash_vector_conn_id": CONNECTION}),
        ("triggers.upstash_vector.UpstashVectorTrigger", {"max_failed_checks": ("int", "5")}),
    ],
)
def test_the_reference_has_types_and_defaults(site: Path, name: str, expected: dict[str, tuple[str, str]]) -> None:
    parameters = entry_of(site, "airflow", f"airflow_provider_upstash_vector.{name}").parameters
    assert {argument: parameters[argument] for argument in expected} == expected
    if "operators" in name or "sensors" in name:
        assert parameters["deferrable"][0] == "bool"


@pytest.mark.parametrize(
    ("task", "operator"),
    [
        ("UpdateTask", UpdateVectorOperator),
        ("BulkUpdateTask", BulkUpdateVectorsOperator),
        ("BulkUpsertTask", BulkUpsertVectorsOperator),
        ("BulkDeleteTask", BulkDeleteVectorsOperator),
    ],
)
def test_the_reference_shows_the_arguments_of_a_decorator(site: Path, task: str, operator: Any) -> None:
    called = imported(f"airflow_provider_upstash_vector.decorators.signatures.{task}").__call__
    name = f"airflow_provider_upstash_vector.decorators.signatures.{task}.__call__"
    signature = entry_of(site, "airflow", name).signature
    names = set(inspect.signature(called).parameters) - {"self", "python_callable", "kwargs"}
    assert names == set(own_parameters(operator)) - {"vector_id", "rows", "kwargs"}
    assert [name for name in names if not re.search(rf" {name}: \S", signature)] == []
    assert "..." not in signature.replace("Callable[..., Any]", "")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("airflow", "hooks.upstash_vector.UpstashVectorHook.bulk_{}"),
        ("airflow", "operators.upstash_vector.{}"),
        ("bulk", "bulk.api.{}_async"),
    ],
)
def test_the_reference_shows_the_defaults_of_a_bulk_run(site: Path, operation: str, page: str, name: str) -> None:
    name = place_of(name.format(f"Bulk{operation.title()}VectorsOperator" if "operators" in name else operation))
    signature = entry_of(site, page, f"airflow_provider_upstash_vector.{name}").signature.replace('"', "'")
    for option, default in options_of(operation).items():
        assert re.search(rf" {option}: [^=]+ = {re.escape(repr(default))}", signature), option


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("reference/airflow", "Bulk{}VectorsOperator"),
        ("reference/bulk", "{}_async"),
        ("how-to/{}", ""),
    ],
)
def test_the_help_of_every_option_is_shown(site: Path, operation: str, page: str, name: str) -> None:
    subject = operation if "how-to" not in page else f"bulk-{operation}"
    text = " ".join(text_of((site / f"{place_of(page.format(subject))}.html").read_text()).split())
    assert place_of(name.format(operation.title() if "Bulk" in name else operation)) in text
    texts = option_help(OPERATIONS[operation])
    shown = {option: texts[option].replace("``", "") for option in options_of(operation)}
    assert [option for option, shown_help in shown.items() if shown_help not in text] == []


@pytest.mark.parametrize("client", ["sync_client.VectorClient"])
def test_the_reference_shows_the_clients_methods(site: Path, client: str) -> None:
    for method in ("upsert", "query", "fetch", "range", "delete", "update", "info", "rename_namespace"):
        signature = entry_of(site, "client", f"airflow_provider_upstash_vector.client.{client}.{method}").signature
        parameters = inspect.signature(getattr(VectorClient, method)).parameters.keys() - {"self"}
        assert [name for name in parameters if f"{name}: " not in signature] == []
        assert "Call[" not in signature


@pytest.mark.parametrize(("page", "block"), python_blocks())
def test_every_block_compiles(page: str, block: str) -> None:
    ast.parse(block, page)


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("number", range(len(DAGS)))
def test_the_dags_run(airflow_home: AirflowHome, server: DevServer, number: int) -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert(MOVIES)
    file = airflow_home.dags / f"docs_{number}.py"
    file.write_text(DAGS[number][1])
    (dag,) = load_dags(file).values()
    assert DagRun(dag).state == "success"
    assert server.requests["update"] or server.requests["upsert"] > 1


def test_there_are_dags_to_run() -> None:
    assert len(DAGS) == 5


@pytest.mark.parametrize("module", [client_errors, bulk_errors])
def test_every_error_is_in_the_catalogue(module: Any) -> None:
    text = (DOCS / "errors.md").read_text()
    own = [value for value in vars(module).values() if inspect.isclass(value)]
    names = [kind.__name__ for kind in own if issubclass(kind, UpstashVectorError)]
    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_stop_reason_is_in_the_catalogue() -> None:
    text = (DOCS / "errors.md").read_text()
    assert [reason for reason in get_args(bulk_errors.Reason) if f"`{reason}`: " not in text] == []


@pytest.mark.parametrize(
    ("page", "operator"),
    [
        ("update-vector.md", UpdateVectorOperator),
        ("bulk-update.md", BulkUpdateVectorsOperator),
        ("bulk-upsert.md", BulkUpsertVectorsOperator),
        ("upsert-vector.md", UpsertVectorOperator),
        ("delete.md", BulkDeleteVectorsOperator),
        ("delete.md", DeleteVectorsOperator),
        ("namespaces.md", ListNamespacesOperator),
        ("namespaces.md", ResetNamespaceOperator),
        ("namespaces.md", DeleteNamespaceOperator),
        ("namespaces.md", RenameNamespaceOperator),
        ("swap.md", SwapNamespaceOperator),
        ("swap.md", RollbackNamespaceOperator),
        ("swap.md", ExpireNamespacesOperator),
        ("query.md", QueryVectorsOperator),
        ("query.md", FetchVectorsOperator),
        ("back-up-and-restore.md", ExportVectorsOperator),
        ("copy.md", CopyVectorsOperator),
        ("update-where.md", UpdateVectorsWhereOperator),
        ("check.md", CheckVectorsOperator),
        ("sync.md", SyncVectorsOperator),
        ("sensor.md", UpstashVectorIndexReadySensor),
    ],
)
def test_every_argument_is_in_its_how_to(page: str, operator: Any) -> None:
    text = on_page_markdown((DOCS / "how-to" / page).read_text())
    for kind in operator.__mro__:
        if not kind.__module__.startswith("airflow_provider") or "__init__" not in vars(kind):
            continue
        parameters = inspect.signature(inspect.unwrap(kind.__init__)).parameters.values()
        names = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
        assert names or kind is BulkDeleteVectorsOperator  # which has no options of its own
        names -= SET_BY_CLASS.get(operator.__name__, set())
        assert sorted(name for name in names if f"`{name}`" not in text) == []
