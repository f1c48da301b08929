"""``python -m vibdash``."""

from vibdash.cli.main import main

main()
