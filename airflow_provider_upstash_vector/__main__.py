"""The command line: ``python -m airflow_provider_upstash_vector update updates.jsonl --url https://…``."""

import signal
import sys

if __name__ == "__main__":
    try:
        from airflow_provider_upstash_vector.command_line.program import main

        sys.exit(main())
    except KeyboardInterrupt:  # while modules were imported
        sys.exit(128 + signal.SIGINT)
