"""The Python `langsmith` package before and behind our service."""

ROWS = []
