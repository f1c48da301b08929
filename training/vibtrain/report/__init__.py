"""A report of what a model is worth, with its plots."""
