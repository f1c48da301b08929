"""Samples out of files, whatever their format."""
