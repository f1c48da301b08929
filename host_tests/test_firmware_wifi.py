"""Joining a wireless network, against a stand-in for ESP32's module `network`."""

import sys

from vibnode.wifi import Wifi

WIFI = {"ssid": "machines", "password": "wlan-secret"}
IDLE, JOINING = 1000, 1001


class Network:
    """The module, and its only station: idle, joining one network, or joined, with the status that the port gives.

    As in the port it cannot be told to join another network meanwhile, and a soft reset leaves it as it is.
    """

    STA_IF = 0
    STAT_IDLE = IDLE

    def __init__(self, status: int = IDLE) -> None:
        self.calls = []
        self.given_status = status
        self.joining = self.joined = None

    def hostname(self, name) -> None:
        self.calls.append(("hostname", name))

    def WLAN(self, interface):
        return self

    def active(self, on) -> None:
        self.calls.append(("active", on))

    def connect(self, ssid, password) -> None:
        if self.joining or self.joined:
            raise OSError("Wifi Internal State Error")
        self.calls.append(("connect", ssid, password))
        self.joining = ssid
        self.given_status = JOINING

    def disconnect(self) -> None:
        self.joining = self.joined = None
        self.given_status = IDLE

    def isconnected(self) -> bool:
        return self.joined is not None

    def config(self, name):
        return self.joined

    def status(self, what=None):
        return -61 if what == "rssi" else self.given_status

    def ifconfig(self):
        return ("192.0.2.7", "", "", "")


def joining(network, wifi=WIFI, host=None):
    """A Wifi that has begun, with `network` in the module's place."""
    sys.modules["network"] = network
    try:
        made = Wifi(wifi, host)
        made.begin()
        made.begin()  # does nothing again
    finally:
        del sys.modules["network"]
    return made


def test_it_joins_once() -> None:
    network = Network()
    made = joining(network)
    assert network.calls == [("active", True), ("connect", "machines", "wlan-secret")]
    network.joined = "machines"
    assert made.trouble() is None
    assert (made.address(), made.rssi_dbm()) == ("192.0.2.7", -61)


def test_an_open_network_and_one_joined_already() -> None:
    network = Network()
    joining(network, {"ssid": "open", "password": None})
    assert network.calls == [("active", True), ("connect", "open", "")]
    network = Network()
    network.joined = "machines"  # a soft reset leaves the radio as it was
    joining(network)
    assert network.calls == [("active", True)]


def test_a_network_of_before_is_left_for_the_one_that_is_configured_now() -> None:
    for before in ("joining", "joined"):
        network = Network(JOINING)
        setattr(network, before, "old")
        joining(network)
        assert network.joining == "machines", before
        assert network.calls[-3:-1] == [("active", False), ("active", True)], "it is begun anew"


def test_the_network_knows_the_board_by_its_own_name() -> None:
    network = Network()
    joining(network, host="motor-1")
    assert network.calls[0] == ("hostname", "motor-1"), "before it joins"


def test_each_reason_is_said_in_words() -> None:
    for status, words in (
        (201, "there is no network of that name here"),
        (202, "the password is wrong"),
        (203, "takes no more devices"),
        (211, "security"),
        (1001, "joining; if that lasts, is the password right"),
    ):
        network = Network()
        made = joining(network)
        network.given_status = status
        said = made.trouble()
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
