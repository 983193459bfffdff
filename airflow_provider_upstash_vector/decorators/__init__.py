"""TaskFlow decorators: functions whose results are sent to an index."""
