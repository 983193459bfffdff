"""Read-only HTML pages of indexes: their counts, namespaces, vectors and searches.

The pages get all data from an :class:`~.reader.IndexReader`: Airflow and the dev server show the same ones.
"""
