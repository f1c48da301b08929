"""The pages, drawn."""
