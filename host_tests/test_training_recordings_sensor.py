"""Resampling and the sensor model, on tones whose fate is known."""

import dataclasses

import numpy as np
import pytest
from vibtrain.features import automatic, sensors
from vibtrain.features.resample import STOP_BAND_DB, count_blocks, resample, to_counts
from vibtrain.features.sensors import sensor
from vibtrain.recordings import DataError, Recording

RATE_HZ = 20_000


def recording_of(data: np.ndarray) -> Recording:
    return Recording(
        name="tone",
        machine="m",
        session="s",
        label="healthy",
        rate_hz=RATE_HZ,
        axes=tuple("xyz"[: data.shape[1]]),
        source="test",
        data=data.astype(np.float32),
    )


def tone(frequency_hz: float, amplitude: float = 1.0, seconds: float = 1.0) -> Recording:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return recording_of(amplitude * np.sin(2 * np.pi * frequency_hz * time_s)[:, None])


def level_at(recording: Recording, frequency_hz: float) -> float:
    """Amplitude of the line at `frequency_hz`."""
    time_s = np.arange(len(recording.data)) / recording.rate_hz
    window = np.hanning(len(time_s))
    line = window * np.exp(-2j * np.pi * frequency_hz * time_s)
    return float(2 * abs(line @ recording.data[:, 0]) / window.sum())


@pytest.mark.parametrize("rate_hz", [3200, 5000, 6667, 1344])
def test_pass_band_is_flat_and_stop_band_gone(rate_hz: float) -> None:
    kept = resample(tone(0.75 * rate_hz / 2), rate_hz)
    assert kept.rate_hz == pytest.approx(rate_hz, rel=2e-4)
    assert level_at(kept, 0.75 * rate_hz / 2) == pytest.approx(1.0, abs=1e-3)
    # 1.02 of the half rate would fold back to 0.98 of it.
    folded = resample(tone(1.02 * rate_hz / 2), rate_hz)
    assert np.abs(folded.data).max() < 10 ** (-(STOP_BAND_DB - 3) / 20)


def test_constant_stays_constant_to_both_ends() -> None:
    flat = resample(recording_of(np.full((20_000, 2), 9.8)), 3200)
    assert np.abs(flat.data - 9.8).max() < 0.01


def test_resampled_time_is_kept_but_for_the_settling() -> None:
    result = resample(tone(100, seconds=2), 5000)
    assert 9_900 < len(result.data) <= 10_000
    assert "20000 Hz resampled to 5000 Hz" in result.note


def test_same_rate_changes_nothing() -> None:
    original = tone(9_900)
    assert resample(original, RATE_HZ) is original


def test_bandwidth_is_applied_at_the_same_rate() -> None:
    narrowed = resample(tone(9_000), RATE_HZ, bandwidth_hz=5000)
    assert level_at(narrowed, 9_000) < 1e-3
    assert level_at(resample(tone(5_000), RATE_HZ, bandwidth_hz=5000), 5_000) == pytest.approx(0.5, abs=0.01)


def test_resampling_up_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"cannot be resampled to 26667 Hz; accepted: .* up to its own 20000 Hz"
    ):
        resample(tone(100), 26_667)


def test_recording_shorter_than_the_filter_is_refused() -> None:
    with pytest.raises(DataError, match="200 frames; accepted: more than"):
        resample(tone(100, seconds=0.01), 3200)


def test_counts_carry_the_amplitude() -> None:
    chip = sensor("iis3dwb", rate_hz=5000, range_g=2)
    counts = to_counts(tone(500, amplitude=10.0), chip)
    assert counts.dtype == np.int16 and chip.lsb_nm_s2 == 598_206
    assert counts.std() * chip.lsb_nm_s2 / 1e9 == pytest.approx(10.0 / np.sqrt(2), rel=0.01)


def test_counts_clip_at_the_range() -> None:
    chip = sensor("adxl345", range_g=2)
    counts = to_counts(tone(500, amplitude=100.0), chip)
    assert counts.max() == -counts.min() == chip.full_scale_counts == 510


@pytest.mark.parametrize("block", [100, 8192, 20_000])
def test_an_offset_that_gravity_cannot_be_is_taken_off(block: int) -> None:
    """Half a supply of 1.8 V at 20 mV/g would be 45 g; 1 g stays."""
    chip = sensor("adxl345")
    plain = tone(500, amplitude=30.0)
    offset = recording_of(plain.data + np.float32(45 * 9.80665))
    blocks = [offset.data[i : i + block] for i in range(0, len(offset.data), block)]
    counts = np.concatenate(list(count_blocks(offset, blocks, chip)))
    assert np.array_equal(counts, to_counts(offset, chip))
    assert np.abs(counts - to_counts(plain, chip)).max() <= 2 * chip.step_counts
    upright = to_counts(recording_of(plain.data + np.float32(9.80665)), chip)
    assert upright.mean() * chip.lsb_nm_s2 / 1e9 == pytest.approx(9.80665, rel=0.01)


def test_adxl345_lowest_bit_is_zero_at_its_top_rate() -> None:
    counts = to_counts(tone(500, amplitude=30.0), sensor("adxl345"))
    assert not (counts % 2).any() and (counts % 4).any()


def test_noise_has_the_stated_density_and_is_repeatable() -> None:
    chip = sensor("iis3dwb", rate_hz=5000, range_g=2)
    silence = recording_of(np.zeros((40_000, 3)))
    counts = to_counts(silence, chip)
    expected_g = 75e-6 * np.sqrt(2500)
    assert counts.std(axis=0) * chip.lsb_nm_s2 / 9.80665e9 == pytest.approx([expected_g] * 3, rel=0.03)
    assert (counts == to_counts(silence, chip)).all()
    assert (counts != to_counts(silence, chip, seed=2)).mean() > 0.9


def test_every_sensor_fits_its_bits_at_every_range() -> None:
    for name in sensors.names():
        for range_g in (2, 4, 8, 16, 32, 64):
            try:
                chip = sensor(name, range_g=range_g)
            except DataError:
                continue
            assert 0 < chip.full_scale_counts < 2 ** (chip.bits - 1) <= 32768
            reached_g = chip.full_scale_counts * chip.lsb_nm_s2 / 9.80665e9
            assert reached_g == pytest.approx(range_g, rel=0.05), name
            assert chip.bandwidth_hz <= chip.rate_hz / 2


def test_a_lis2dw12_has_14_bits_and_no_more_than_400_hz() -> None:
    for rate_hz in (1600, 800):
        chip = sensor("lis2dw12", rate_hz=rate_hz)
        assert (chip.full_scale_counts, chip.bandwidth_hz) == (8191, 400)
    assert sensor("lis2dw12", rate_hz=400).bandwidth_hz == 200


def test_noise_at_rest_is_that_of_the_counts() -> None:
    """The level under which no machine can run; the output's own steps count too."""
    for name, noise in (("adxl345", 430e-6 * 40), ("fxos8700-recorded", 0)):
        chip = sensor(name)
        step_g = chip.lsb_nm_s2 * chip.step_counts / 9.80665e9
        expected_g = np.hypot(noise, step_g / np.sqrt(12))
        assert chip.noise_um_s2 == pytest.approx(expected_g * 9.80665e6)


@pytest.mark.parametrize(
    ("name", "choice", "message"),
    [
        ("adxl346", {}, "'adxl346' is unknown; accepted: adxl345,"),
        ("adxl345", {"rate_hz": 6400}, "rate_hz 6400; accepted: rates up to 3200 Hz"),
        ("kx134", {"range_g": 2}, "range_g 2; accepted: 8, 16, 32, 64"),
    ],
)
def test_impossible_sensor_is_refused(name: str, choice: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        sensor(name, **choice)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chip", "recorded_hz", "rate_hz"),
    [
        ("iis3dwb", 25_600, 26_667),  # its filter ends far under what was recorded
        ("iis3dwb", 48_000, 26_667),
        ("lsm6dso", 6_400, 3_333),
        ("lsm6dso", 6_664, 6_667),  # the chip's own clock was off
        ("adxl345", 3_199, 3_200),
        ("adxl345", 3_000, 1_600),
        ("kx134", 20_000, 25_600),
    ],
)
def test_a_manifest_s_model_is_for_a_rate_that_the_chip_has(
    chip: str, recorded_hz: float, rate_hz: float
) -> None:
    assert automatic.general("m", chip, recorded_hz, 3).chip().rate_hz == rate_hz


def test_recordings_that_say_too_little_for_a_chip_are_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"m: recordings of 12800 Hz, accepted for the iis3dwb: 26667 Hz or more; or another .*kx134",
    ):
        automatic.general("m", "iis3dwb", 12_800, 3)


@pytest.mark.parametrize("tone_hz", [100.0, 3000.0, 5000.0])
def test_a_rate_somewhat_higher_than_the_recording_s_keeps_its_band(tone_hz: float) -> None:
    t = np.arange(25_600) / 25_600
    made = recording_of(np.sin(2 * np.pi * tone_hz * t)[:, None])
    recorded = dataclasses.replace(made, rate_hz=25_600)
    faster = resample(recorded, 26_667, bandwidth_hz=6300)
    spectrum = np.abs(np.fft.rfft(faster.data[:, 0] * np.hanning(len(faster.data))))
    peak = float(np.fft.rfftfreq(len(faster.data), 1 / faster.rate_hz)[spectrum.argmax()])
    assert peak == pytest.approx(tone_hz, abs=2)
    assert faster.data[1000:-1000].std() == pytest.approx(0.5**0.5, rel=0.01)
    far = np.r_[spectrum[: spectrum.argmax() - 20], spectrum[spectrum.argmax() + 20 :]]
    assert far.max() < 1e-3 * spectrum.max()
