"""Retry policies, for Airflow 3.3 and later."""
