"""Syncs: the vectors of a namespace, or of a prefix in it, become those of a source of rows.

The rows are read to their end, joined on disk with a scan of the scope, and only what differs is written.
"""
