"""Sensors of an index."""
