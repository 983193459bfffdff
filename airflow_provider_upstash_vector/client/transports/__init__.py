"""Transports: one module or package for each HTTP library, behind a common protocol."""
