"""The command `vibdash`."""
