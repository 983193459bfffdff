"""Operators: what a DAG's tasks do with an index."""
