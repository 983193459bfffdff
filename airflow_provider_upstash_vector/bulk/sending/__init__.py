"""What goes out: rows read, encoded and sent within limits."""
