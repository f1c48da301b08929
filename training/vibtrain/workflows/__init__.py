"""The steps of a command, for it and for whoever else wants them."""
