"""TaskFlow decorators: the result of a function is written to an index."""
