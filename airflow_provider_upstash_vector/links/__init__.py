"""Links: the buttons that tasks have in the UI."""
