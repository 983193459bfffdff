"""The provider's metadata for Airflow: a plain dict, so that none of its modules is imported.

``conn-fields`` and ``ui-field-behaviour`` define the connection form from Airflow 3.2 on. Before, the hook does
(``hooks/connection_form.py``), with the texts from here.
"""

from __future__ import annotations

from typing import Any

_PACKAGE = "airflow_provider_upstash_vector"

CONNECTION_FIELDS: dict[str, dict[str, Any]] = {
    "namespace": {
        "label": "Default namespace",
        "description": "For tasks that set none, e.g. movies. If empty, the index's default namespace.",
        "schema": {"type": ["string", "null"]},
    },
    "timeout": {
        "label": "Timeout (s)",
        "description": "For one request, until its response is complete.",
        "schema": {"type": ["number", "null"], "default": 30, "minimum": 0.1},
    },
    "max_attempts": {
        "label": "Attempts",
        "description": "Maximum attempts of a request if responses are lost or the service is busy.",
        "schema": {"type": ["integer", "null"], "default": 5, "minimum": 1},
    },
    "allow_http": {
        "label": "Allow plain HTTP",
        "description": "Sends the token unencrypted. Not needed for a dev server on this machine.",
        "schema": {"type": ["boolean", "null"], "default": False},
    },
}

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema", "login"],
    "relabeling": {"host": "REST URL", "password": "REST token"},
    "placeholders": {
        "host": "https://my-index-vector.upstash.io",
        "password": "the token from the index's Connect tab",
        "port": "the port of the REST URL, or 443 if it has none",
        # up to Airflow 3.1; later versions have placeholders for standard fields only
        "namespace": "movies",
        "timeout": "30",
        "max_attempts": "5",
    },
}

_ASSETS = f"{_PACKAGE}.assets.upstash_vector"
ASSET_URIS: list[dict[str, Any]] = [
    {
        "schemes": ["upstash-vector"],
        "handler": f"{_ASSETS}.sanitize_uri",
        "factory": f"{_ASSETS}.create_asset",
        "to_openlineage_converter": f"{_ASSETS}.convert_asset_to_openlineage",
    }
]

CONFIG_SECTION = "upstash_vector"
CONN_TYPE = "upstash_vector"
INDEX_PAGE_OPTION = "index_page"
INDEX_PAGE_MODES = ("off", "facts", "vectors")

CONFIG: dict[str, Any] = {
    CONFIG_SECTION: {
        "description": "The page of the indexes in Airflow's UI, under Browse, from Airflow 3.1 on.",
        "options": {
            INDEX_PAGE_OPTION: {
                "description": (
                    "What the page shows to people who may read the connections: ``off``, ``facts`` (counts and "
                    "properties) or ``vectors`` (also contents and search). The API server sends the token of a "
                    "connection of the type upstash_vector to the host that the connection names."
                ),
                "version_added": None,
                "type": "string",
                "example": "facts",
                "default": INDEX_PAGE_MODES[0],
            },
        },
    },
}

PROVIDER_INFO: dict[str, Any] = {
    "package-name": "airflow-provider-upstash-vector",
    "name": "Upstash Vector",
    "description": "Load, change, sync, query and back up the vectors of an Upstash Vector index.",
    "integrations": [
        {
            "integration-name": "Upstash Vector",
            "external-doc-url": "https://upstash.com/docs/vector",
            "tags": ["service"],
        }
    ],
    "hooks": [{"integration-name": "Upstash Vector", "python-modules": [f"{_PACKAGE}.hooks.upstash_vector"]}],
    "operators": [
        {"integration-name": "Upstash Vector", "python-modules": [f"{_PACKAGE}.operators.upstash_vector"]}
    ],
    "sensors": [{"integration-name": "Upstash Vector", "python-modules": [f"{_PACKAGE}.sensors.upstash_vector"]}],
    "triggers": [
        {"integration-name": "Upstash Vector", "python-modules": [f"{_PACKAGE}.triggers.upstash_vector"]}
    ],
    "task-decorators": [
        {
            "name": "upstash_vector_update",
            "class-name": f"{_PACKAGE}.decorators.upstash_vector.upstash_vector_update_task",
        },
        {
            "name": "upstash_vector_bulk_update",
            "class-name": f"{_PACKAGE}.decorators.upstash_vector.upstash_vector_bulk_update_task",
        },
        {
            "name": "upstash_vector_bulk_upsert",
            "class-name": f"{_PACKAGE}.decorators.upstash_vector.upstash_vector_bulk_upsert_task",
        },
        {
            "name": "upstash_vector_bulk_delete",
            "class-name": f"{_PACKAGE}.decorators.upstash_vector.upstash_vector_bulk_delete_task",
        },
    ],
    "asset-uris": ASSET_URIS,
    "dataset-uris": ASSET_URIS,  # their name before Airflow 3
    "cli": [f"{_PACKAGE}.airflow_commands.get_cli_commands"],
    "extra-links": [f"{_PACKAGE}.links.upstash_vector.UpstashConsoleLink"],
    "config": CONFIG,
    "connection-types": [
        {
            "connection-type": CONN_TYPE,
            "hook-class-name": f"{_PACKAGE}.hooks.upstash_vector.UpstashVectorHook",
            "hook-name": "Upstash Vector",
            "conn-fields": CONNECTION_FIELDS,
            "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
        }
    ],
}
