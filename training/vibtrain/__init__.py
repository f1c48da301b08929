"""Recordings in, a compact vibration model out."""
