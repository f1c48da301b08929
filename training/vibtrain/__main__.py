"""``python -m vibtrain``."""

from vibtrain.cli.main import main

main()
