"""Reading all vectors of a namespace."""
