"""A cluster of Airflow on one machine, and a sharded bulk update through it."""
