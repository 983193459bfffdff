"""Assets: the namespaces of an index."""
