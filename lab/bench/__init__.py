"""What a window costs, measured by `make bench`. Begin at `__main__.py`; docs/BENCH.md says what is counted how."""
