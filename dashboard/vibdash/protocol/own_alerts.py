"""Alerts that this host raises itself, about what no sensor can say: that nothing is heard of it, or of any,
or what only many of its statuses say together.

They are stored among those of the sensors, under a boot that none has and that is of no life of any, so that they
take part in no ack; and they have causes that are refused from sensors.
"""

from __future__ import annotations

HOST_BOOT = -1_000_000
THIS_HOST = "-"  # as a device or a site: no name that a topic may have
SILENT, NOT_RECEIVING, TWIN = "instrument:silent", "instrument:host", "instrument:twin"
TREND_SCORE, TREND_VELOCITY = "trend:score", "trend:velocity"  # about the machine, from many of its statuses
OWN_CAUSES = (SILENT, NOT_RECEIVING, TWIN, TREND_SCORE, TREND_VELOCITY)
