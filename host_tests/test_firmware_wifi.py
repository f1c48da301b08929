"""Joining a wireless network, against a stand-in for ESP32's module `network`."""

import sys

from vibnode.wifi import Wifi

WIFI = {"ssid": "machines", "password": "wlan-secret", "country": "DE"}


class Network:
    """The module, and its only station: joined, or with the status that the port gives."""

    STA_IF = 0

    def __init__(self, status: int = 1001) -> None:
        self.calls = []
        self.given_status = status
        self.joined = None

    def country(self, code) -> None:
        self.calls.append(("country", code))

    def WLAN(self, interface):
        return self

    def active(self, on) -> None:
        self.calls.append(("active", on))

    def connect(self, ssid, password) -> None:
        self.calls.append(("connect", ssid, password))

    def isconnected(self) -> bool:
        return self.joined is not None

    def config(self, name):
        return self.joined

    def status(self, what=None):
        return -61 if what == "rssi" else self.given_status

    def ifconfig(self):
        return ("192.0.2.7", "", "", "")


def joining(network, wifi=WIFI):
    """A Wifi that has begun, with `network` in the module's place."""
    sys.modules["network"] = network
    try:
        made = Wifi(wifi)
        made.begin()
        made.begin()  # does nothing again
    finally:
        del sys.modules["network"]
    return made


def test_it_joins_once() -> None:
    network = Network()
    made = joining(network)
    assert network.calls == [("country", "DE"), ("active", True), ("connect", "machines", "wlan-secret")]
    network.joined = "machines"
    assert made.trouble() is None
    assert (made.address(), made.rssi_dbm()) == ("192.0.2.7", -61)


def test_an_open_network_and_one_joined_already() -> None:
    network = Network()
    joining(network, {"ssid": "open", "password": None, "country": None})
    assert network.calls == [("active", True), ("connect", "open", "")]
    network = Network()
    network.joined = "machines"  # a soft reset leaves the radio as it was
    joining(network)
    assert network.calls == [("country", "DE"), ("active", True)]


def test_each_reason_is_said_in_words() -> None:
    for status, words in (
        (201, "there is no network of that name here"),
        (202, "the password is wrong"),
        (203, "takes no more devices"),
        (211, "security"),
        (1001, "joining; if that lasts, is the password right"),
    ):
        said = joining(Network(status)).trouble()
        assert said.startswith("Wi-Fi 'machines': ") and words in said and "wlan-secret" not in said


def test_without_a_section_the_radio_is_left_alone() -> None:
    network = Network()
    made = joining(network, None)
    assert network.calls == [] and made.trouble() is None


def test_a_board_without_a_radio_says_so() -> None:
    try:
        Wifi(WIFI).begin()
    except OSError as error:
        assert str(error) == "this board has no Wi-Fi"
    else:
        raise AssertionError("begun without a radio")
