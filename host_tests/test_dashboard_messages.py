"""What is taken as a message and what is refused, and with which words."""

import json
import random

import pytest
from vibdash.protocol.messages import Alert, Identity, Malformed, Status, parse

from lab.rigs.dashboard import alert_message, status_message

STATUS = "vibnode/v1/demo/motor-1/status"
ALERT = "vibnode/v1/demo/motor-1/alert"


def encode(message: object) -> bytes:
    return json.dumps(message).encode()


def test_a_status_is_taken_with_its_figures() -> None:
    status = parse(STATUS, encode(status_message(score=-12, active=["anomaly"])))
    assert isinstance(status, Status)
    assert (status.sensor.site, status.sensor.device) == ("demo", "motor-1")
    assert status.measured is not None
    assert (status.measured.score, status.measured.active) == (-12, ("anomaly",))


def test_a_last_will_needs_no_figures() -> None:
    status = parse(STATUS, encode({"v": 1, "state": "offline", "why": "will", "boot": 7}))
    assert isinstance(status, Status)
    assert (status.state, status.boot, status.measured) == ("offline", 7, None)


def test_an_alert_is_taken_with_features_and_spectrum() -> None:
    alert = parse(ALERT, encode(alert_message(17, oldest=5)))
    assert isinstance(alert, Alert)
    assert alert.identity == Identity(boot=3, seq=17, oldest=5)
    assert alert.features[0] == ("x.band11", 3840, 3120)
    assert alert.spectrum is not None
    assert alert.spectrum.levels[:3] == (38, 40, 41)


def test_unknown_fields_and_left_out_optional_ones_are_no_fault() -> None:
    message = alert_message(1, novelty={"a": 1})
    del message["spectrum"], message["features"]
    alert = parse(ALERT, encode(message))
    assert isinstance(alert, Alert)
    assert (alert.features, alert.spectrum) == ((), None)


@pytest.mark.parametrize("kind", ["ack", "cmd"])
def test_kinds_for_others_are_passed_over(kind: str) -> None:
    assert parse(f"vibnode/v1/demo/motor-1/{kind}", b"anything") is None


def test_the_removal_of_a_retained_status_is_passed_over() -> None:
    assert parse(STATUS, b"") is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"v": 2}, "v: 2; accepted: 1"),
        ({"boot": -1}, "boot: -1; accepted: an integer"),
        ({"boot": True}, "boot: True"),
        ({"boot": 2**70}, "boot: "),
        ({"seq": 0}, "seq: 0"),
        ({"seq": 4, "oldest": 5}, "oldest: 5; accepted: at most seq, 4"),
        ({"event": "rise"}, "event: 'rise'; accepted: one of raise, escalate, clear"),
        ({"level": ["alarm"]}, "level: ['alarm']"),
        ({"cause": "fire"}, "cause: 'fire'; accepted: anomaly"),
        ({"score": 1.5}, "score: 1.5"),
        ({"time": None}, "time: None, time_quality ntp; accepted: null if none"),
        ({"time_quality": "none"}, ", time_quality none; accepted: "),
        ({"replay": 0}, "replay: 0; accepted: true or false"),
        ({"class": "a\nb"}, "class: 'a\\nb'"),
        ({"class": "\ud800"}, "class: "),
        ({"features": [["x.rms", 1]]}, "feature: ['x.rms', 1]; accepted: [name, value, usual value]"),
        ({"features": [["x.rms", 1, 2]] * 6}, "accepted: a list of at most 5"),
        (
            {"spectrum": {"lo_hz": 9, "hi_hz": 8, "axis": "x", "levels": "AA=="}},
            "spectrum lo_hz: 9.0; accepted: under hi_hz, 8.0",
        ),
        ({"spectrum": {"lo_hz": 1, "hi_hz": 8, "axis": "x", "levels": "?"}}, "accepted: base64"),
        ({"spectrum": {"lo_hz": 1, "hi_hz": 8, "axis": "w", "levels": "AA=="}}, "axis: 'w'"),
    ],
)
def test_a_wrong_alert_is_refused_in_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(ALERT, encode(alert_message(9) | changes))
    assert words in caught.value.reason
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize("name", sorted(status_message()))
def test_a_status_without_a_field_is_refused_by_its_name(name: str) -> None:
    message = status_message()
    del message[name]
    if name == "model":  # none is linked in
        assert isinstance(parse(STATUS, encode(message)), Status)
        return
    with pytest.raises(Malformed, match=f"field {name} is missing"):
        parse(STATUS, encode(message))


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("vibnode/v1/demo/motor-1", "topic: 'vibnode/v1/demo/motor-1'; accepted: vibnode/v1/"),
        ("vibnode/v2/demo/motor-1/alert", "accepted: vibnode/v1/"),
        ("vibnode/v1/demo/Motor/alert", "device in the topic: 'Motor'; accepted: "),
        ("vibnode/v1/<b>/motor-1/alert", "site in the topic: '<b>'; accepted: "),
        ("vibnode/v1/demo/motor-1/alerts", "kind in the topic: 'alerts'; accepted: "),
    ],
)
def test_a_wrong_topic_is_refused(topic: str, words: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(topic, encode(alert_message(1)))
    assert words in caught.value.reason


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"{", "not JSON"),
        (b"[1]", "accepted: an object"),
        (b'{"v": NaN}', "NaN is no JSON number"),
        (b"[" * 8000, "not JSON"),
        (b" " * 10000, "10000 bytes; accepted: at most"),
        (b'{"v":' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_is_no_json_is_refused(payload: bytes, words: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(ALERT, payload)
    assert words in caught.value.reason


def test_a_refused_alert_still_says_which_it_is() -> None:
    with pytest.raises(Malformed) as caught:
        parse(ALERT, encode(alert_message(9, level="bad", oldest=4)))
    assert caught.value.identity == Identity(boot=3, seq=9, oldest=4)
    with pytest.raises(Malformed) as caught:
        parse(ALERT, encode(alert_message(9, note="x" * 1024)))
    assert "accepted: at most 1024" in caught.value.reason
    assert caught.value.identity == Identity(boot=3, seq=9, oldest=1)


def test_an_alert_of_another_version_keeps_its_identity_to_itself() -> None:
    """It must stay on the device until a host that understands it comes."""
    with pytest.raises(Malformed) as caught:
        parse(ALERT, encode(alert_message(9, v=2)))
    assert caught.value.identity is None


def test_no_damage_to_a_message_raises_anything_but_malformed() -> None:
    chance = random.Random(20261)
    for topic, message in ((STATUS, encode(status_message())), (ALERT, encode(alert_message(3)))):
        for _ in range(3000):
            payload = bytearray(message)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(payload))
                payload[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
            try:
                parse(topic, bytes(payload))
            except Malformed as error:
                assert error.reason
