"""The benchmark of bulk runs: ``python -m benchmarks.bulk``."""
