"""When Airflow loads the plugin, and what it imports for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.airflow_features import AIRFLOW

# what every component does: the scheduler, workers, the triggerer, the DAG processor
LOAD = """
import json, sys
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded()
get = getattr(plugins_manager, "_get_plugins", None)
plugins = get()[0] if get else plugins_manager.plugins
import airflow_provider_upstash_vector.operators.upstash_vector
import airflow_provider_upstash_vector.triggers.upstash_vector
ours = [plugin for plugin in plugins if plugin.name == "upstash_vector"]
views = [view for plugin in ours for view in plugin.external_views]
pages = [name for name in sys.modules if name.startswith((
    "airflow_provider_upstash_vector.index_page", "airflow_provider_upstash_vector.plugins.app"
))]
print(json.dumps({"plugins": len(ours), "views": views, "pages": pages, "fastapi": "fastapi" in sys.modules}))
"""


def load(**options: str) -> tuple[dict[str, Any], str]:
    environment = {**os.environ, **{f"AIRFLOW__{name}": value for name, value in options.items()}}
    process = subprocess.run(
        [sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True, check=True, timeout=240
    )
    return json.loads(process.stdout.splitlines()[-1]), process.stdout + process.stderr


@pytest.mark.parametrize("options", [{}, {"UPSTASH_VECTOR__INDEX_PAGE": "everything"}], ids=["unset", "invalid"])
def test_the_page_is_off_unless_it_is_set(options: dict[str, str]) -> None:
    loaded, output = load(**options)
    assert loaded["views"] == loaded["pages"] == []
    assert not loaded["plugins"]
    warned = bool(options) and AIRFLOW >= (3, 1)
    assert ("upstash" in output.replace(json.dumps(loaded), "").lower()) == warned
    assert ("write one of off, facts, vectors" in output) == warned


def test_the_page_is_a_menu_entry_and_imports_nothing_before_its_first_request() -> None:
    loaded, output = load(UPSTASH_VECTOR__INDEX_PAGE="vectors", API__BASE_URL="https://example.com/airflow/")
    assert loaded["pages"] == []
    if AIRFLOW < (3, 1):
        assert not loaded["plugins"]
        assert "upstash" not in output.replace(json.dumps(loaded), "").lower()
        return
    (view,) = loaded["views"]
    assert (view["href"], view["category"]) == ("/airflow/upstash-vector/", "browse")
    assert not loaded["fastapi"]
