"""Transports: httpx for the sync client, and one of our own for the async client, behind a common protocol."""
