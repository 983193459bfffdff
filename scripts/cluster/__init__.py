"""A sharded bulk update on an Airflow cluster on one machine."""
