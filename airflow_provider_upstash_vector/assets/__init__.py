"""The assets of the provider: namespaces of an index."""
