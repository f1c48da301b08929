"""A fitted model to C and data, proved, into a package."""
