"""What not every Airflow has that the tests run on, and the marks of tests that depend on it.

``@pytest.mark.needs("retry_policies")`` stands on tests that use it, ``@pytest.mark.lacks("retry_policies")`` on
those of what must be true elsewhere. What decides is what is installed, not whether an import succeeds: where it
should work and does not, the tests fail.
"""

from __future__ import annotations

from importlib.metadata import distributions, version

import pytest

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
_INSTALLED = {found.name for found in distributions()}

# name: whether it is there, and since when or by what it is
FEATURES = {
    "retry_policies": (AIRFLOW >= (3, 3), "Airflow has retry policies from 3.3 on"),
    "asset_references": (AIRFLOW >= (3, 0), "Airflow has references to assets from 3.0 on"),
    "refused_asset_uris": (AIRFLOW >= (3, 0), "Airflow 2 only warns of asset URIs that a provider refuses"),
    "any_asset_uris": (
        AIRFLOW >= (3, 1),
        "up to 3.0, Airflow refuses asset URIs that are not ASCII, and drops what stands before an @ itself",
    ),
    "openlineage": (
        "apache-airflow-providers-openlineage" in _INSTALLED,
        "apache-airflow-providers-openlineage is installed beside the oldest and the newest Airflow only",
    ),
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(feature): runs where Airflow has it; tests/airflow_features.py")
    config.addinivalue_line("markers", "lacks(feature): runs where Airflow does not have it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name, wanted in (("needs", True), ("lacks", False)):
            for mark in item.iter_markers(name):
                there, reason = FEATURES[mark.args[0]]
                if there is not wanted:
                    item.add_marker(pytest.mark.skip(reason=reason))
