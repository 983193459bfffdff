"""The command line: bulk runs, and the calls of the client. Each command is in the ``COMMANDS`` of a file."""
