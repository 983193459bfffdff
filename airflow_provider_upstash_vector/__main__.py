"""The command line: ``python -m airflow_provider_upstash_vector update updates.jsonl --url https://…``."""

import sys

from airflow_provider_upstash_vector.command_line.program import main

if __name__ == "__main__":
    sys.exit(main())
