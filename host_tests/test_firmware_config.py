"""Configuration errors name file, field, value and what is accepted. Portable: CPython and MicroPython."""

import json

from vibnode import checks, component_class, config, contradictions

GOOD = {
    "site": "demo",
    "device": "motor-1",
    "sensor": {"driver": "replay", "playlist": "playlist.json"},
    "mqtt": {"host": "127.0.0.1"},
}


def put(tmp_path, value):
    path = str(tmp_path) + "/device.json"
    with open(path, "w") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))
    return path


def changed(section, key, value):
    device = json.loads(json.dumps(GOOD))
    (device[section] if section else device)[key] = value
    return device


def refusal(path):
    try:
        config.load(path)
    except checks.ConfigError as error:
        return str(error)
    raise AssertionError("accepted " + path)


def test_defaults_are_those_of_the_specification(tmp_path):
    device = config.load(put(tmp_path, GOOD))
    assert device["machine"] == "motor-1"
    assert device["learn_windows"] == 30
    assert device["status_interval_s"] == 3600
    assert device["mqtt"] == {
        "host": "127.0.0.1",
        "port": 1883,
        "user": None,
        "password": None,
        "keepalive_s": 600,
        "tls": None,
    }
    for key in ("component_class", "shaft_rpm", "command_key", "ntp_host", "duty", "wifi"):
        assert device[key] is None, key
    assert device["watchdog_s"] == 0
    assert device["sensor"]["pace"] == 1.0


def test_relative_paths_are_relative_to_the_file(tmp_path):
    device = config.load(put(tmp_path, GOOD))
    assert device["data_dir"] == str(tmp_path) + "/state"
    assert device["sensor"]["playlist"] == str(tmp_path) + "/playlist.json"
    device = config.load(put(tmp_path, changed("", "data_dir", "/var/lib/vibnode")))
    assert device["data_dir"] == "/var/lib/vibnode"


def test_each_bad_value_is_named_with_what_is_accepted(tmp_path):
    cases = (
        ("", "site", "Demo", "site: 'Demo'", "a-z"),
        ("", "device", "-x", "device: '-x'", "not beginning with"),
        ("", "device", "a" * 33, "device: ", "1 to 32"),
        ("", "learn_windows", -1, "learn_windows: -1", "0 to 500"),
        ("", "learn_windows", "30", "learn_windows: '30'", "whole number"),
        ("", "status_interval_s", True, "status_interval_s: True", "whole number"),
        ("", "velocity_limits_mm_s", [7.1, 4.5], "velocity_limits_mm_s: [7.1, 4.5]", "warning under alarm"),
        ("", "sensor", [], "sensor: []", "object in braces"),
        ("", "rate_hz", 5000, "rate_hz: no such field; accepted", "status_interval_s"),
        (
            "",
            "status_interval_ms",
            5,
            "status_interval_ms: no such field (did you mean status_interval_s?)",
            "site",
        ),
        ("", "status_interval_s", 3600000, "status_interval_s: 3600000", "from 1 to 86400, in seconds"),
        (
            "",
            "component_class",
            "iso20816-group1-rigid",
            "component_class: 'iso20816-group1-rigid'",
            "(did you mean iso20816-3-group1-rigid?)",
        ),
        ("", "velocity_limits_mm_s", [0.0045, 0.0071], "velocity_limits_mm_s: [0.0045", "in mm/s"),
        ("", "shaft_rpm", 0, "shaft_rpm: 0", "revolutions a minute"),
        ("", "command_key", "ab" * 31, "command_key: a secret", "64 hex digits"),
        ("", "ntp_host", "", "ntp_host: ''", "or null"),
        ("", "point_told", 1, "point_told: 1", "true or false"),
        ("", "pulse", {}, "pulse.pin: is missing", "0 to 255"),
        ("", "pulse", {"pin": 4, "per_turn": 0}, "pulse.per_turn: 0", "1 to 1024, in pulses"),
        ("", "pulse", {"pin": 4, "per_rev": 1}, "pulse.per_rev: no such field", "per_turn"),
        ("", "pulse", {"pin": 4, "edge": "both"}, "pulse.edge: 'both'", "rising, falling"),
        ("", "pulse", {"pin": 4, "ratio": 0}, "pulse.ratio: 0", "0.001 to 1000"),
        ("", "pulse", {"pin": 4, "highest_rpm": 40000}, "pulse.highest_rpm: 40000", "1 to 30000"),
        ("", "watchdog_s", -1, "watchdog_s: -1", "0, or a whole number from 10 to 3600, in seconds"),
        ("", "watchdog_s", 9, "watchdog_s: 9", "0, or a whole number from 10"),
        ("", "watchdog_s", False, "watchdog_s: False", "0, or a whole number from 10"),
        (
            "",
            "duty",
            {"every_min": 10, "for_s": 5},
            "duty.every_min: no such field (did you mean every_s?)",
            "for_s",
        ),
        ("", "duty", {"every_s": 60, "for_s": 60}, "duty.for_s: 60", "less than duty.every_s, 60"),
        ("", "battery", {"adc": 34}, "battery.adc: no such field (did you mean adc_pin?)", "ratio"),
        ("", "battery", {"adc_pin": 34, "ratio": 0}, "battery.ratio: 0", "1 to 100"),
        ("", "wifi", {"ssid": "a", "password": "short"}, "wifi.password: a secret", "8 to 63 bytes"),
        ("", "wifi", {"ssid": "a", "country": "DE"}, "wifi.country: no such field", "password, ssid"),
        ("mqtt", "password", "secret", "mqtt.user: None", "as mqtt.password is given"),
        ("mqtt", "tls", {"ca": "ca.der", "cert": "c.der"}, "mqtt.tls.key: None", "as cert is given"),
        ("mqtt", "tls", {}, "mqtt.tls.ca: is missing", "a text"),
        ("mqtt", "tls", {"cafile": "ca.der"}, "mqtt.tls.cafile: no such field", "server_name"),
        ("mqtt", "tls", True, "mqtt.tls: True", "object in braces"),
        ("sensor", "driver", "adxl", "sensor.driver: 'adxl'", "replay"),
        ("sensor", "pace", -1, "sensor.pace: -1", "0 to 1000"),
        ("mqtt", "port", 70000, "mqtt.port: 70000", "1 to 65535"),
        ("mqtt", "prot", 1883, "mqtt.prot: no such field", "port"),
        ("mqtt", "user", "", "mqtt.user: ''", "or null"),
    )
    for section, key, value, named, accepted in cases:
        path = put(tmp_path, changed(section, key, value))
        text = refusal(path)
        assert text.startswith(path + ": " + named), text
        assert accepted in text.partition("accepted: ")[2], text
        assert "\n" not in text


ADXL345 = {"driver": "adxl345", "bus": "spi", "sck": 12, "mosi": 11, "miso": 13, "cs": 10, "int1": 4}


def together(tmp_path, **fields):
    """What is said of a device.json with these fields, each of which is right by itself."""
    given = json.loads(json.dumps(GOOD))
    given.update(fields)
    return refusal(put(tmp_path, given)).partition(": ")[2]


def test_fields_that_cannot_work_together_are_refused(tmp_path):
    tls = {"host": "127.0.0.1", "tls": {"ca": "ca.der"}}
    said = together(tmp_path, mqtt=tls, wifi={"ssid": "machines"})
    assert said.startswith("ntp_host: None; accepted: a time server, as mqtt.tls is given"), said
    said = together(tmp_path, sensor=dict(ADXL345, int1=13))
    assert said == "sensor.int1: 13; accepted: another pin than that of sensor.miso", said
    said = together(tmp_path, sensor=ADXL345, battery={"adc_pin": 4})
    assert said == "battery.adc_pin: 4; accepted: another pin than that of sensor.int1", said


def test_fields_that_go_together_are_taken(tmp_path):
    given = json.loads(json.dumps(GOOD))
    given.update({"sensor": ADXL345, "battery": {"adc_pin": 0}, "wifi": {"ssid": "machines"}})
    given.update({"ntp_host": "time.test", "watchdog_s": 10, "duty": {"every_s": 60, "for_s": 10}})
    given["mqtt"] = {"host": "127.0.0.1", "tls": {"ca": "ca.der"}, "user": "a", "password": "b"}
    device = config.load(put(tmp_path, given))
    contradictions.check_model(device, {"rate_millihz": 3200000, "window": 1024})


def test_times_too_short_for_a_window_of_the_model_are_refused(tmp_path):
    slow = {"rate_millihz": 100000, "window": 1024}  # a window takes 10.24 s
    for fields, words in (
        (
            {"watchdog_s": 20},
            "watchdog_s: 20; accepted: 0, or 21 or more: a window of the model takes 10.2 s",
        ),
        (
            {"duty": {"every_s": 60, "for_s": 10}},
            "duty.for_s: 10; accepted: 11 or more: a window of the model",
        ),
    ):
        given = json.loads(json.dumps(GOOD))
        given.update(fields)
        device = config.load(put(tmp_path, given))
        try:
            contradictions.check_model(device, slow)
        except checks.ConfigError as error:
            assert str(error).startswith(words), error
        else:
            raise AssertionError(f"accepted: {fields}")
        device["sensor"]["pace"] = 0
        contradictions.check_model(device, slow)  # as fast as it goes


def test_a_probe_and_a_constant_speed_contradict_each_other_and_its_pin_is_its_own(tmp_path):
    given = json.loads(json.dumps(GOOD))
    given["pulse"] = {"pin": 34}
    filled = config.load(put(tmp_path, given))["pulse"]
    assert filled == {"pin": 34, "per_turn": 1, "edge": "rising", "ratio": 1, "highest_rpm": 6000}
    given["battery"] = {"adc_pin": 34}
    assert "pulse.pin: 34; accepted: another pin than that of battery.adc_pin" in refusal(
        put(tmp_path, given)
    )
    del given["battery"]
    given["shaft_rpm"] = 1500
    assert "shaft_rpm: 1500; accepted: null, as pulse is given" in refusal(put(tmp_path, given))


def test_an_operating_point_that_could_never_be_taken_is_refused(tmp_path):
    wifi, key = {"ssid": "machines"}, "ab" * 32
    for fields, words in (
        ({"duty": {"every_s": 60, "for_s": 10}}, "point_told: True; accepted: false, as duty is given"),
        (
            {"wifi": wifi, "command_key": key},
            "ntp_host: None; accepted: a time server, as point_told and command_key",
        ),
    ):
        given = json.loads(json.dumps(GOOD))
        given.update(fields)
        assert config.load(put(tmp_path, given))["point_told"] is False
        given["point_told"] = True
        assert words in refusal(put(tmp_path, given))
    given["ntp_host"] = "time.test"
    assert config.load(put(tmp_path, given))["point_told"] is True


def test_a_faulty_network_is_no_place_from_which_to_tell(tmp_path):
    given = json.loads(json.dumps(GOOD))
    given["wifi"] = {"ssid": "machines", "country": "DE"}
    assert config.salvage(put(tmp_path, given))["wifi"] == {"ssid": "machines", "password": None}
    given["wifi"] = {"password": "long-enough"}
    assert config.salvage(put(tmp_path, given)) is None


def test_tls_has_its_own_port_and_files_beside_the_configuration(tmp_path):
    device = config.load(put(tmp_path, changed("mqtt", "tls", {"ca": "ca.der"})))
    assert device["mqtt"]["port"] == 8883
    assert device["mqtt"]["tls"]["ca"] == str(tmp_path) + "/ca.der"
    assert device["mqtt"]["tls"]["key"] is None and device["mqtt"]["tls"]["server_name"] is None


def test_a_slip_is_told_from_a_field_that_is_like_no_other():
    assert checks.nearest("sevrer_name", config.TLS_FIELDS) == "server_name"
    assert checks.nearest("hots", config.MQTT_FIELDS) == "host"
    assert checks.nearest("colour", config.MQTT_FIELDS) is None


def test_each_missing_field_is_named(tmp_path):
    fields = [("", key) for key in ("site", "device", "sensor", "mqtt")]
    fields.extend([("mqtt", "host"), ("sensor", "driver"), ("sensor", "playlist")])
    for section, key in fields:
        device = changed("", "machine", "M")
        del (device[section] if section else device)[key]
        text = refusal(put(tmp_path, device))
        assert (section + "." if section else "") + key + ": is missing; accepted: " in text, text


def test_a_file_that_is_missing_or_not_json_is_named(tmp_path):
    missing = str(tmp_path) + "/nothing.json"
    assert refusal(missing).startswith(missing + ": cannot be read")
    for broken in ("", "{", '{"site": demo}', '{"site":"a"', '{"mqtt":{"host":"a"}', '{"site":"a"}}'):
        path = put(tmp_path, broken)
        assert refusal(path).startswith(path + ": is not JSON"), broken
    path = put(tmp_path, [])
    assert "object in braces" in refusal(path)


def test_a_component_class_sets_the_velocity_limits_unless_others_are_given(tmp_path):
    device = config.load(put(tmp_path, changed("", "component_class", "iso20816-3-group2-rigid")))
    assert device["velocity_limits_mm_s"] == [2.8, 4.5]
    given = changed("", "component_class", "vdi3834-1-gearbox")
    given["velocity_limits_mm_s"] = [1, 2]
    assert config.load(put(tmp_path, given))["velocity_limits_mm_s"] == [1, 2]


def test_every_class_warns_below_its_alarm_and_states_an_averaging_time():
    for name, (warning, alarm) in component_class.CLASSES.items():
        slow = name in component_class.SLOW
        assert 1 < warning < alarm < 15 or (slow and (warning, alarm) == (60, 100)), name
        of_wind = slow or name.endswith("rotor-bearing")
        assert component_class.averaging_s(name) == (600 if of_wind else 60)
    assert component_class.averaging_s(None) == 60


def test_a_tower_needs_a_model_with_a_slow_path(tmp_path):
    device = config.load(put(tmp_path, changed("", "component_class", "vdi3834-1-tower")))
    assert device["velocity_limits_mm_s"] == [60, 100]
    fits = {"window": 1024, "rate_millihz": 3200000, "slow_window": 1024}
    contradictions.check_model(device, fits)
    try:
        contradictions.check_model(device, dict(fits, slow_window=0))
    except checks.ConfigError as error:
        assert "component_class: vdi3834-1-tower; accepted: " in str(error)
    else:
        raise AssertionError("taken")
