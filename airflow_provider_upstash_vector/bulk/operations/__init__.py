"""What a run does to each row: its path, its body, and how the service's result is read."""
