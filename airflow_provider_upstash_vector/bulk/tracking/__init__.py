"""What has become of every row: outcomes, failures, checkpoints, progress."""
