"""Waiting for an index, without Airflow: what is waited for, and when to look again."""
