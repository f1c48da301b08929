"""The simulated drivetrain: repeatable, labelled, and with each fault's signature where theory puts it."""

import numpy as np
import pytest
from scipy import signal
from vibtrain.data.simulator import DRIVETRAIN, catalogue
from vibtrain.recordings import DataError, Entry, Recording

BEARING = DRIVETRAIN.bearing


def entry_of(fine_label: str, speed_rpm: float = 1800, load: str = "0 lb", **choice: float) -> Entry:
    entries = catalogue(**choice)  # type: ignore[arg-type]
    wanted = (fine_label, speed_rpm, load)
    return next(entry for entry in entries if (entry.fine_label, entry.speed_rpm, entry.load) == wanted)


def spectrum(samples: np.ndarray, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    window = np.hanning(len(samples))
    lines = np.abs(np.fft.rfft((samples - samples.mean()) * window, 1 << 18)) * 2 / window.sum()
    return np.fft.rfftfreq(1 << 18, 1 / rate_hz), lines


def envelope_spectrum(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Of the squared envelope around the second resonance."""
    band = signal.butter(4, (1800, 3500), "bandpass", fs=recording.rate_hz, output="sos")
    squared = np.abs(signal.hilbert(signal.sosfiltfilt(band, recording.data[:, 2]))) ** 2
    return spectrum(squared, recording.rate_hz)


def line_over_floor(frequencies: np.ndarray, lines: np.ndarray, at_hz: float) -> float:
    """Strongest line within 2 % of `at_hz` over the median within 20 %."""
    near = np.abs(frequencies / at_hz - 1) < 0.02
    around = np.abs(frequencies / at_hz - 1) < 0.2
    return float(lines[near].max() / np.median(lines[around]))


def test_same_conditions_as_the_real_set_and_all_labelled_simulated() -> None:
    entries = catalogue()
    assert len(entries) == 78
    assert len({entry.name for entry in entries}) == 78
    assert {entry.speed_rpm for entry in entries} == {600, 1800, 3000}
    assert len({entry.fine_label for entry in entries}) == 13
    for entry in entries:
        assert all("simulated" in field for field in (entry.name, entry.machine, entry.source))
    assert "simulated" in entries[0].read().note


def test_repeatable_by_seed() -> None:
    first = entry_of("inner-race-heavy").read().data
    assert (first == entry_of("inner-race-heavy").read().data).all()
    assert (first != entry_of("inner-race-heavy", seed=2).read().data).mean() > 0.9


@pytest.mark.parametrize(
    ("fault", "order"),
    [
        ("outer-race-heavy", BEARING.outer_race_order),
        ("inner-race-heavy", BEARING.inner_race_order),
        ("ball-heavy", BEARING.ball_order),
        ("outer-race-light", BEARING.outer_race_order),
    ],
)
@pytest.mark.parametrize("speed_rpm", [600, 3000])
def test_bearing_fault_shows_its_line_in_the_envelope(fault: str, order: float, speed_rpm: float) -> None:
    at_hz = order * speed_rpm / 60
    faulty = line_over_floor(*envelope_spectrum(entry_of(fault, speed_rpm, seconds=4).read()), at_hz)
    healthy = line_over_floor(*envelope_spectrum(entry_of("healthy", speed_rpm, seconds=4).read()), at_hz)
    assert faulty > 10 and faulty > 2 * healthy


def test_outer_and_inner_race_are_told_apart() -> None:
    outer = envelope_spectrum(entry_of("outer-race-heavy", seconds=4).read())
    at_outer = line_over_floor(*outer, BEARING.outer_race_order * 30)
    at_inner = line_over_floor(*outer, BEARING.inner_race_order * 30)
    assert at_outer > 3 * at_inner


def test_imbalance_raises_the_shaft_line_and_misalignment_its_double() -> None:
    def level(fine_label: str, order: int) -> float:
        recording = entry_of(fine_label).read()
        frequencies, lines = spectrum(recording.data[:, 0], recording.rate_hz)
        return float(lines[np.abs(frequencies / (order * 30) - 1) < 0.02].max())

    assert level("imbalance-very-heavy", 1) > 2 * level("imbalance-light", 1) > 2 * level("healthy", 1)
    assert level("misalignment", 2) > 4 * level("healthy", 2)


def test_gear_mesh_has_side_bands_one_shaft_speed_away() -> None:
    recording = entry_of("healthy", 3000, "11 lb").read()
    frequencies, lines = spectrum(recording.data[:, 2], recording.rate_hz)
    for offset in (-1, 0, 1):
        at_hz = (DRIVETRAIN.gear_teeth + offset) * 50
        near = np.abs(frequencies - at_hz) < 4
        between = np.abs(frequencies - at_hz - 25) < 8
        assert lines[near].max() > 3 * np.median(lines[between])


def test_impossible_rate_is_refused() -> None:
    with pytest.raises(DataError, match=r"rate_hz 1000 .* accepted: rates of at least 12250 Hz"):
        catalogue(rate_hz=1000)
