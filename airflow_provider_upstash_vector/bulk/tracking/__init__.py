"""Tracking: the outcome of every row, the failures file, checkpoints, progress."""
