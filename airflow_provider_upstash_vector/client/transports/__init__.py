"""The HTTP libraries, each behind the same seam: path and body bytes in, an answer out."""
