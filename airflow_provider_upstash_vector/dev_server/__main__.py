"""``python -m airflow_provider_upstash_vector.dev_server``: run the dev server until Ctrl+C."""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import sys

from airflow_provider_upstash_vector.dev_server.models import INDEX_TYPES, SIMILARITY_FUNCTIONS
from airflow_provider_upstash_vector.dev_server.server import DevServer
from airflow_provider_upstash_vector.plurals import plural


def main() -> None:
    """Serve with the options of the command line."""
    options = _parser().parse_args()
    token = options.token or os.environ.get("UPSTASH_VECTOR_REST_TOKEN")
    try:
        server = DevServer(
            token=token,
            read_only_token=options.read_only_token,
            database=options.database,
            port=options.port,
            indexing_delay=options.indexing_delay,
            index_type=options.index_type,
            dimension=options.dimension,
            similarity=options.similarity,
            embedding_model=options.embedding_model,
            sparse_embedding_model=options.sparse_embedding_model,
        )
    except (ValueError, OSError, OverflowError, sqlite3.Error) as error:
        sys.exit(f"dev_server: {error}")
    spec = server.spec
    dense = f", {plural(spec.dimension, 'dimension')}, {spec.similarity}" if spec.is_dense else ""
    print(f"Upstash Vector dev server: {spec.index_type}{dense}, stored in {options.database}")  # noqa: T201 - a command's output
    print(f"export UPSTASH_VECTOR_REST_URL={server.url}", flush=True)  # noqa: T201 - see above
    if token is None:
        print(f"export UPSTASH_VECTOR_REST_TOKEN={server.token}", flush=True)  # noqa: T201 - see above
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again after it has stopped
        server.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_upstash_vector.dev_server",
        description="A local Upstash Vector index on 127.0.0.1, for development and tests.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8079, help="0 for a free port")
    parser.add_argument("--dimension", type=int, default=2, help="dimension of dense vectors")
    parser.add_argument("--index-type", type=_choice, default="DENSE", choices=INDEX_TYPES)
    parser.add_argument("--similarity", type=_choice, default="COSINE", choices=SIMILARITY_FUNCTIONS)
    parser.add_argument("--embedding-model", default="", metavar="NAME", help="embed text as dense vectors")
    parser.add_argument(
        "--sparse-embedding-model", default="", metavar="NAME", help="embed text as sparse vectors"
    )
    parser.add_argument(
        "--token",
        help="the REST token; by default UPSTASH_VECTOR_REST_TOKEN, or a random one that is printed",
    )
    parser.add_argument("--read-only-token", default=None, metavar="TOKEN", help="a token that may only read")
    parser.add_argument(
        "--indexing-delay", type=float, default=0.0, metavar="SECONDS", help="how long a written vector is pending"
    )
    parser.add_argument("--database", default=":memory:", metavar="FILE", help="the file that stores the vectors")
    return parser


def _choice(text: str) -> str:
    return text.upper()


if __name__ == "__main__":
    main()
