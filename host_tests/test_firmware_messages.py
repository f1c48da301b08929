"""Messages keep to SPEC section 3 and its 1024 bytes. Portable: CPython and MicroPython."""

import binascii
import json

from vibnode import messages

FIELDS = {
    "uptime_ms": 2**40,
    "time": 2**32,
    "time_quality": "rtc",
    "event": "escalate",
    "level": "warning",
    "cause": "anomaly",
    "score": -2048,
    "threshold": -2048,
    "class": "c" * 48,
    "model": "0123456789abcdef",
}
NAMES = [f"{axis}.band{band:02d}" for axis in "xyz" for band in range(32)]


def longest_alert(fields):
    features = [["z.velocity_rms", -32768, -32768]] * 5
    spectrum = messages.spectrum("z", 10000, 50000, [32767] * 32)
    body = messages.alert_body(fields, features, spectrum)
    return messages.alert(2**31 - 1, 2**31 - 1, 2**31 - 1, False, body)


def test_the_longest_ordinary_alert_fits_whole():
    payload = longest_alert(FIELDS)
    assert len(payload) <= 1024
    alert = json.loads(payload)
    assert alert["v"] == 1 and alert["seq"] == 2**31 - 1 and alert["replay"] is False
    assert len(alert["features"]) == 5
    assert binascii.a2b_base64(alert["spectrum"]["levels"]) == bytes([255] * 32)


def test_what_does_not_fit_is_left_out_the_least_telling_first():
    fields = dict(FIELDS)
    lengths = set()
    for extra in range(0, 640, 40):
        fields["model"] = "m" * extra
        payload = longest_alert(fields)
        alert = json.loads(payload)
        assert len(payload) <= 1024
        assert alert["spectrum"] is not None or alert["features"] == []
        assert alert["cause"] == "anomaly"
        lengths.add((len(alert["features"]), alert["spectrum"] is None))
    assert (5, False) in lengths and (0, True) in lengths and len(lengths) > 3


def test_an_alert_that_cannot_fit_is_refused():
    fields = dict(FIELDS)
    fields["model"] = "m" * 1024
    try:
        longest_alert(fields)
    except ValueError as error:
        assert "944" in str(error)
    else:
        raise AssertionError("accepted")


def test_status_says_offline_for_will_and_shutdown_only():
    for why, state in (
        ("birth", "online"),
        ("periodic", "online"),
        ("shutdown", "offline"),
        ("will", "offline"),
    ):
        status = json.loads(messages.status(why, {"boot": 3}))
        assert status == {"v": 1, "state": state, "why": why, "boot": 3}


def test_movers_are_measured_by_their_own_spread():
    names = ["x.rms", "x.line_freq", "y.kurtosis"]
    found = messages.movers(names, [1100, 4000, 500], [1000, 3000, 480], [20, 1000, 16])
    assert found == [["x.rms", 1100, 1000], ["y.kurtosis", 500, 480], ["x.line_freq", 4000, 3000]]
    assert messages.movers(names, [1100, 0, 500], [1000, 3000, 480], None) == [
        [names[0], 1100, 1000],
        [names[2], 500, 480],
    ]
    assert len(messages.movers(NAMES, [5] * 96, [0] * 96, [16] * 96)) == 5


def test_spectrum_packs_a_byte_a_band():
    spectrum = messages.spectrum("y", 10, 2500, [-3, 0, 64, 6400, 32767])
    assert list(binascii.a2b_base64(spectrum["levels"])) == [0, 0, 1, 100, 255]
    assert (spectrum["axis"], spectrum["lo_hz"], spectrum["hi_hz"]) == ("y", 10, 2500)


def test_levels_and_values_go_back_and_forth():
    assert messages.to_log2(1) == 0 and messages.to_log2(0) == 0
    assert messages.to_log2(2) == 256
    assert messages.from_log2(0) == 0 and messages.from_log2(-5) == 0
    assert messages.from_log2(2560) == 1024
    for level in range(2048, 8000, 37):
        assert messages.to_log2(messages.from_log2(level)) == level


def test_only_an_ack_is_an_ack():
    assert messages.parse_ack(b'{"v":1,"boot":3,"seq":17,"more":"ignored"}') == (3, 17)
    for payload in (
        b"",
        b"17",
        b"[]",
        b"{",
        b'{"v":1,"boot":3}',
        b'{"v":2,"boot":3,"seq":17}',
        b'{"v":1,"boot":"3","seq":17}',
        b'{"v":1,"boot":3,"seq":1.5}',
        b'{"v":1,"boot":3,"seq":true}',
        b'{"v":1,"boot":3,"seq":-1}',
        b'{"v":1,"boot":null,"seq":17}',
        b"\xff\xfe",
        b'{"v":1,"boot":3,"seq":17,"x":"' + b"x" * 1024 + b'"}',
    ):
        assert messages.parse_ack(payload) is None, payload
