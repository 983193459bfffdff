"""The plugin that shows the pages of indexes in Airflow's UI."""
