"""Recordings: where they are listed, found, made and looked at."""
