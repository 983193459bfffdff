"""Sensors: waiting for an index."""
