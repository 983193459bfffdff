"""The hook, and how it reads an Airflow connection."""
