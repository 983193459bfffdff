"""Exports: all vectors of namespaces in files, with a manifest from which they can be restored."""
