"""Answer a question from an index: a model searches it, within the namespace and the filter of this file.

Needs ``apache-airflow-providers-common-ai``, a connection to a model, and an index with an embedding model.
"""

from __future__ import annotations

from importlib.util import find_spec

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook

if find_spec("airflow.providers.common.ai"):  # without it, there is no DAG
    from airflow.providers.common.ai.toolsets.hook import HookToolset

    # the model chooses "data", the text to search for, and nothing else
    search = HookToolset(
        UpstashVectorHook("upstash_vector_default"),
        allowed_methods=["query_data"],
        pinned_arguments={
            "namespace": "movies",
            "filter": Field("released") == True,  # noqa: E712 - a filter expression
            "top_k": 5,
            "include_data": True,
            "include_metadata": True,
            "include_vectors": False,
            "weighting_strategy": None,
            "fusion_algorithm": None,
            "query_mode": None,
        },
    )

    with DAG(
        "example_agent",
        schedule=None,
        params={"question": Param("Which movie is about a heist?", type="string", minLength=1)},
        doc_md=__doc__,
        tags=["example", "upstash-vector"],
    ) as dag:

        @task.agent(
            llm_conn_id="pydanticai_default",
            system_prompt="Answer from what query_data finds, and name the ids. If nothing fits, say so.",
            toolsets=[search],
            usage_limits={"tool_calls_limit": 10},
        )
        def answer() -> str:
            """Return the prompt, which is a template: a question within it would be rendered too."""
            return "{{ params.question }}"

        answer()
