"""What ends a command with one line."""


class ToolError(Exception):
    """Something is not as it has to be. Its text is one line: what is wrong and what to do."""
