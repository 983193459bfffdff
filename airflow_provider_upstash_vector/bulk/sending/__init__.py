"""Sending: rows are read, encoded, and sent within the limits of rate, budget and failures."""
