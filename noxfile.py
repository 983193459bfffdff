"""The tests on older Airflow versions, with the lowest dependencies, of the wheel, and with other tools.

``make test`` runs them on the newest Airflow, ``make test-matrix`` these sessions, several at a time.
``.venv/bin/nox --tags 2.11.2 -- tests/client`` runs one of them, or a part of it.
"""

from __future__ import annotations

import sys

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True

PYTHONS = ">=3.10,<3.13"  # those that all of the versions run on
TESTS = (
    "tests/client",
    "tests/dev_server",
    "tests/index_page",
    "tests/plugins",
    "tests/hooks",
    "tests/operators",
    "tests/polling",
    "tests/assets",
    "tests/retry_policies",
    "tests/command_line/test_airflow_commands.py",
    "tests/project/test_imports.py",
    "tests/project/test_warnings.py",
    "tests/system/test_reported.py",
    "tests/system/test_deferred_dags.py",
    "tests/system/test_upstream_text.py",
)
EXAMPLES = "tests/system/test_dags.py"
# in Chromium; what depends on the version of Airflow's UI
PAGES = (
    "tests/system/ui/test_index_page.py::test_from_the_menu_to_a_vector",
    "tests/system/ui/test_index_page.py::test_links_of_tasks_leave_the_frame",
    "tests/system/ui/test_index_page_rights.py",
)

LOWEST = "requirements/lowest.txt"

# name, the file with its pins, and its tests; the one that takes longest comes first
ENVIRONMENTS = (
    ("lowest", LOWEST, (*TESTS, "tests/bulk/sources", "tests/bulk/exports", "tests/bulk/embedding")),
    ("2.11.2", "requirements/airflow-2.11.2.txt", (*TESTS, EXAMPLES)),
    ("3.0.6", "requirements/airflow-3.0.6.txt", TESTS),
    ("3.1.8", "requirements/airflow-3.1.8.txt", (*TESTS, *PAGES)),
    ("3.2.2", "requirements/airflow-3.2.2.txt", (*TESTS, *PAGES)),
)

# tools that write into the same indexes; `make test-long` runs their tests, on Python 3.11, which common-ai needs
INTEROP_PYTHONS = ">=3.11,<3.13"
INTEROP = (
    ("common_ai", "requirements/interop-common-ai.txt"),  # which reads from them
    ("haystack", "requirements/interop-haystack.txt"),
    ("langchain", "requirements/interop-langchain.txt"),
    ("llama_index", "requirements/interop-llama-index.txt"),
    ("mastra", "requirements-dev.txt"),
    ("minilm", "requirements/interop-minilm.txt"),  # a model, with its weights
)


@nox.session(python=PYTHONS)
@nox.parametrize(
    ("pins", "paths"),
    [nox.param(pins, paths, id=name, tags=[name]) for name, pins, paths in ENVIRONMENTS],
)
def tests(session: nox.Session, pins: str, paths: tuple[str, ...]) -> None:
    """Run the tests with exactly the pinned packages."""
    run_tests(session, pins, paths)


@nox.session(python=PYTHONS, tags=["internals-lowest"])
def internals(session: nox.Session) -> None:
    """Run all tests of bulk runs and commands with the lowest dependencies; `make test-long` does."""
    run_tests(session, LOWEST, ("tests/bulk", "tests/command_line"))


@nox.session(python=INTEROP_PYTHONS)
@nox.parametrize(
    ("pins", "path"),
    [
        nox.param(pins, f"tests/interop/test_{name}.py", id=name, tags=[f"interop-{name.replace('_', '-')}"])
        for name, pins in INTEROP
    ],
)
def interop(session: nox.Session, pins: str, path: str) -> None:
    """Run the recipes for what a tool wrote, with that tool."""
    session.env["OPENBLAS_NUM_THREADS"] = "1"  # its threads spin while they wait for a busy processor
    run_tests(session, pins, (path,))


def run_tests(session: nox.Session, pins: str, paths: tuple[str, ...]) -> None:
    """Run tests with exactly the pinned packages."""
    session.run_install("uv", "pip", "sync", "--quiet", pins)
    session.install("--quiet", "--no-deps", "--editable", ".")
    options = ("-q", "-p", "no:cacheprovider", "--color=no")
    session.run("python", "-m", "pytest", *options, *(session.posargs or paths))


@nox.session(venv_backend="none", tags=["wheel"])
def wheel(session: nox.Session) -> None:
    """Build the wheel, and use it in an environment without the tests' dependencies."""
    session.run(sys.executable, "scripts/check_wheel.py", ".nox/wheel", external=True)
