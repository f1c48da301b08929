"""A chip's watchdog outlasts the application: give it time, so that it does not bite in a long command."""

HOUR_MS = 3600000


def run() -> None:
    """Only where the configuration has one: making it here would begin one."""
    import json

    try:
        with open("device.json") as file:
            seconds = json.load(file).get("watchdog_s", 0)
        if seconds:
            from machine import WDT

            WDT(timeout=HOUR_MS)
    except (OSError, ValueError, ImportError, AttributeError):
        pass
