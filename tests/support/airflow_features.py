"""Features that not every tested version of Airflow has, and the marks of tests that depend on them.

``@pytest.mark.needs("retry_policies")`` marks tests of the feature, ``@pytest.mark.lacks("retry_policies")`` those
of versions without it. Installed versions decide, not whether an import succeeds: if it is broken, tests fail.
"""

from __future__ import annotations

from importlib.metadata import distributions, version

import pytest

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
_INSTALLED = {distribution.name for distribution in distributions()}

# name: whether the feature exists, and why it may not
FEATURES = {
    "retry_policies": (AIRFLOW >= (3, 3), "Airflow has retry policies from 3.3 on"),
    "approvals": (AIRFLOW >= (3, 1), "Airflow has tasks that people approve from 3.1 on"),
    "asset_references": (AIRFLOW >= (3, 0), "Airflow has references to assets from 3.0 on"),
    "refused_asset_uris": (AIRFLOW >= (3, 0), "Airflow 2 only warns of asset URIs that a provider rejects"),
    "any_asset_uris": (
        AIRFLOW >= (3, 1),
        "up to 3.0, Airflow rejects asset URIs that are not ASCII, and removes user names itself",
    ),
    "openlineage": (
        "apache-airflow-providers-openlineage" in _INSTALLED,
        "apache-airflow-providers-openlineage is installed with the oldest and the newest Airflow only",
    ),
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(feature): runs if Airflow has it; see tests/support/airflow_features.py"
    )
    config.addinivalue_line("markers", "lacks(feature): runs if Airflow does not have it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name, expected in (("needs", True), ("lacks", False)):
            for mark in item.iter_markers(name):
                present, reason = FEATURES[mark.args[0]]
                if present is not expected:
                    item.add_marker(pytest.mark.skip(reason=reason))
