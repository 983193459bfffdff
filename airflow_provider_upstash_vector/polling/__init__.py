"""Polling of an index, without Airflow: conditions, and when to check them again."""
