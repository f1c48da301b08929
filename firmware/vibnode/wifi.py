"""Brings a board onto its wireless network. The chip joins again by itself; this says why it cannot.

Without a `wifi` in the configuration nothing here touches the radio: the network is somebody else's business.
"""

# ESP32's port: network.STAT_..., or the chip's own reason (esp_wifi_types.h) where the port has no name for it.
_REASONS = {
    201: "there is no network of that name here",
    202: "the password is wrong",
    204: "the password is wrong, or the signal is too weak",  # HANDSHAKE_TIMEOUT
    15: "the password is wrong, or the signal is too weak",  # 4WAY_HANDSHAKE_TIMEOUT
    203: "the access point takes no more devices",  # ASSOC_FAIL
    210: "the network does not offer the security that the board asks for",
    211: "the network does not offer the security that the board asks for",
    212: "the signal is too weak",
}
# While it tries again the port tells of no reason but those above; most wrong passwords look like this.
_JOINING = "joining; if that lasts, is the password right and the signal strong enough?"


class Wifi:
    """The board's place in the network that `wifi`, that section of the configuration or None, names."""

    def __init__(self, wifi: "dict | None", host: "str | None" = None) -> None:
        """`host`: by what name the network knows the board; None: as its firmware has it."""
        self._wifi = wifi
        self._host = host
        self._station = None

    def begin(self) -> None:
        """Start joining, unless it was done. Does not wait. Raises OSError where the board has no radio."""
        if self._wifi is None or self._station is not None:
            return
        try:
            import network
        except ImportError:
            raise OSError("this board has no Wi-Fi") from None
        if self._host:
            network.hostname(self._host)
        station = network.WLAN(network.STA_IF)
        station.active(True)
        if not (station.isconnected() and station.config("ssid") == self._wifi["ssid"]):
            if station.status() != getattr(network, "STAT_IDLE", None):
                _leave(station)
            station.connect(self._wifi["ssid"], self._wifi["password"] or "")
        self._station = station

    def end(self) -> None:
        """Leave the network and switch the radio off, until `begin`."""
        if self._station is not None:
            self._station.active(False)
        self._station = None

    def trouble(self) -> "str | None":
        """Why there is no network, in a few words; None where there is one, or none is asked for."""
        if self._station is None or self._station.isconnected():
            return None
        reason = _REASONS.get(self._station.status(), _JOINING)
        return f"Wi-Fi {self._wifi['ssid']!r}: {reason}"  # type: ignore[index]

    def address(self) -> str:
        """The board's own address."""
        return self._station.ifconfig()[0]  # type: ignore[attr-defined]

    def rssi_dbm(self) -> int:
        """How strong the access point is heard."""
        return self._station.status("rssi")  # type: ignore[attr-defined]


def _leave(station) -> None:
    """Have the radio forget what it is joining or has joined: a soft reset leaves it at that, for ever."""
    try:  # noqa: SIM105 - MicroPython has no contextlib
        station.disconnect()
    except OSError:
        pass  # what it was doing is over by itself
    station.active(False)
    station.active(True)
