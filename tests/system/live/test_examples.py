"""In a running Airflow, the DAG processor stores the DAGs of every example, and of every DAG file of the tests."""

from __future__ import annotations

from tests.support.live_airflow import LiveAirflow


def test_every_dag_is_stored(airflow: LiveAirflow) -> None:
    texts = {file.name: file.read_text() for file in (airflow.home / "dags").glob("*.py")}
    # without common-ai, its example has no DAG
    files = {name for name, text in texts.items() if "DAG(" in text and "providers.common.ai" not in text}
    assert len(files) > 20
    airflow.wait(lambda: stored(airflow) >= files or errors(airflow), 300)
    assert not errors(airflow)


def stored(airflow: LiveAirflow) -> set[str]:
    """Return the files that DAGs have been stored of."""
    return {file for (file,) in airflow.query("SELECT relative_fileloc FROM dag")}


def errors(airflow: LiveAirflow) -> list[tuple[str, str]]:
    """Return the files that cannot be parsed, with their errors."""
    return airflow.query("SELECT filename, stacktrace FROM import_error")
