"""The vibnode device application: sampler -> core -> detector -> outbox -> uplink.

Runs unchanged on MicroPython (ESP32 and the unix port) and on CPython 3.11, where the same ``vib`` module exists.
"""

__version__ = "0.1.0"
