"""Figures in plain words."""

import re
from pathlib import Path

import pytest
from vibdash.protocol.messages import INSTRUMENT_STATES, OVERRUNS
from vibdash.wording import (
    INSTRUMENT_WORDS,
    OVERRUN_WORDS,
    REMEDIES,
    band_levels_m_s2,
    describe_bytes,
    describe_cause,
    describe_feature,
    describe_ratio,
    describe_remedy,
    describe_score,
    describe_span,
    describe_velocity,
)
from vibnode import window_loss

SPECTRUM = {"lo_hz": 10.0, "hi_hz": 10_000.0, "axis": "x", "levels": [0, 80, 127]}
X = "\N{MULTIPLICATION SIGN}"


OENV = "repeating impacts, octave of the shaft's orders"


@pytest.mark.parametrize(
    ("name", "value", "usual", "words"),
    [
        ("x.band01", 256 * 21, 256 * 20, ("X axis, 100 Hz to 1 kHz", f"2.0{X}", "2.1 m/s², usually 1 m/s²")),
        ("y.band09", 512, 256, ("Y axis, frequency band 9", f"2.0{X}", "0.004 mm/s², usually 0.002 mm/s²")),
        ("z.kurtosis", 1024, 406, ("Z axis, impacts (kurtosis)", f"5.3{X}", "16, usually 3")),
        (
            "x.velocity_rms",
            256 * 20,
            256 * 16,
            ("X axis, vibration velocity", f"16{X}", "1 mm/s, usually 0.066 mm/s"),
        ),
        (
            "x.line_freq",
            2560,
            2816,
            ("X axis, frequency of the strongest tone", f"0.5{X}", "1 kHz, usually 2 kHz"),
        ),
        (
            "y.vline_freq",
            256 * 5,
            256 * 4,
            ("Y axis, frequency of the strongest movement", f"2.0{X}", "32 Hz, usually 16 Hz"),
        ),
        (
            "x.env02",
            256 * 18,
            256 * 17,
            ("X axis, repeating impacts, envelope band 2", f"2.0{X}", "25 %, usually 12 %"),
        ),
        (
            "z.order02",
            256 * 20,
            256 * 18,
            ("Z axis, 2 x the shaft's speed", f"4.0{X}", "1 m/s², usually 0.26 m/s²"),
        ),
        (
            "x.side01",
            256 * 20,
            256 * 18,
            ("X axis, side bands of gear mesh 1", f"4.0{X}", "1 m/s², usually 0.26 m/s²"),
        ),
        ("x.oenv00", 256 * 18, 256 * 17, (f"X axis, {OENV} 0", f"2.0{X}", "25 %, usually 12 %")),
        (
            "x.slow_line_freq",
            256 * 6,
            256 * 5,
            ("X axis, 0.1 to 10 Hz: frequency of the strongest tone", f"2.0{X}", "0.64 Hz, usually 0.32 Hz"),
        ),
        (
            "x.slow_velocity_rms",
            256 * 20,
            256 * 19,
            ("X axis, 0.1 to 10 Hz: vibration velocity", f"2.0{X}", "105 mm/s, usually 52 mm/s"),
        ),
        ("x.bpfo", 512, 0, ("X axis, bearing's outer race (BPFO)", f"4.0{X}", "4, usually 1")),
        ("x.band\u00b2", 256, 0, ("X axis, band\u00b2", f"2.0{X}", "0.002 mm/s², usually 0.001 mm/s²")),
        ("x.novel", 256, 0, ("X axis, novel", f"2.0{X}", "2, usually 1")),
    ],
)
def test_a_feature_is_named_compared_and_given_its_unit(
    name: str, value: int, usual: int, words: tuple[str, str, str]
) -> None:
    assert describe_feature(name, value, usual, SPECTRUM) == words


def test_a_byte_of_the_spectrum_is_a_quarter_octave_over_one_micrometre_per_second_squared() -> None:
    assert band_levels_m_s2(SPECTRUM) == [1e-6, 2.0**20 * 1e-6, 2.0**31.75 * 1e-6]


@pytest.mark.parametrize(
    ("cause", "class_name", "words"),
    [
        ("anomaly", "outer-race", "Unusual vibration, looks like outer-race"),
        ("anomaly", "healthy", "Unusual vibration"),
        ("velocity", None, "Vibration velocity over its limit"),
        ("instrument:stuck", None, "Sensor fault: reading is stuck"),
        ("instrument:overrun-bus", None, "Sensor fault: losing windows, the sensor's bus is too slow"),
    ],
)
def test_a_cause_is_said_in_words(cause: str, class_name: str | None, words: str) -> None:
    assert describe_cause(cause, class_name) == words


def test_every_fault_that_a_sensor_can_tell_of_has_words() -> None:
    """Those of SPEC.md 3.1; one that the host did not know would be quarantined, and never be seen."""
    spec = (Path(__file__).parents[1] / "docs" / "SPEC.md").read_text()
    found = re.search(r"^- `instrument`: (`ok`.*?)^- ", spec, re.MULTILINE | re.DOTALL)
    assert found
    named = set(re.findall(r"`([a-z]+)`", found[1])) - {"note"}
    assert named == set(INSTRUMENT_STATES) == set(INSTRUMENT_WORDS)


def test_windows_lost_have_words_and_say_what_helps_whatever_the_reason() -> None:
    faults = [f"overrun-{one}" for one in window_loss.CAUSES]
    assert window_loss.CAUSES == OVERRUNS
    assert faults == list(OVERRUN_WORDS) == list(REMEDIES)
    assert describe_remedy("anomaly") is None
    for fault in faults:
        assert "over 1 % of the windows of ten minutes" in str(describe_remedy(f"instrument:{fault}")).lower()


def test_amounts_are_rounded_to_what_a_person_reads() -> None:
    assert [describe_bytes(n) for n in (0, 999, 1000, 123_456, 46_600_000, 10**13)] == [
        *("0 B", "999 B", "1.0 kB", "123 kB", "46.6 MB", "10.0 TB")
    ]
    assert [describe_ratio(*pair) for pair in ((4_000_000, 1000), (0, 10), (10, 0))] == [
        "4,000 : 1",
        "-",
        "-",
    ]
    assert [describe_span(ms) for ms in (-5, 59_999, 95_000, 7_500_000, 200_000_000)] == [
        *("0 s", "59 s", "1 min", "2 h 05 min", "2 days")
    ]
    assert [describe_score(score) for score in (0, 256, 1024, -2048)] == [
        f"1.0{X}",
        f"2.0{X}",
        f"16{X}",
        f"under 0.1{X}",
    ]
    assert [describe_velocity(um_s) for um_s in (812, 11_250)] == ["0.81 mm/s", "11.2 mm/s"]
