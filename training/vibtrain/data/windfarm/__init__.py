"""A simulated wind farm that is hard to judge; all it makes says `simulated`. `fleet.py` first."""
