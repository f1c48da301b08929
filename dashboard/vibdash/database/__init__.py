"""The tables, and how they are opened, written, thinned, copied and taken out."""
