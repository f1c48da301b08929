"""A machine's day put together from recordings: stopped, running up, running, changing, running down, failing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import vib
from vibtrain.features.config import TrainingConfig
from vibtrain.features.extraction import windows_of
from vibtrain.features.resample import count_blocks
from vibtrain.judging.virtual_sensor import Alert, VirtualSensor
from vibtrain.models import fit
from vibtrain.packaging import convert
from vibtrain.recordings import Entry

Counts = npt.NDArray[np.int16]
STANDARD_GRAVITY = 9.80665


class Stage:
    """What a sensor of `config` would have sampled of some recordings."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = dataclasses.replace(config, classifier=dataclasses.replace(config.classifier, trees=0))
        self.rate_hz = config.chip().rate_hz
        self._random = np.random.default_rng(1)

    def model(self, healthy: Sequence[Entry]) -> vib.Model:
        """Fitted to these, without a classifier."""
        return vib.Model(self.model_bin(healthy))

    def model_bin(self, healthy: Sequence[Entry]) -> bytes:
        windows = [windows_of(entry, self.config) for entry in healthy]
        return convert.convert(fit.fit(windows, self.config)).binary

    def counts(self, entry: Entry) -> Counts:
        """A recording as the sensor would give it, settled, and without gravity."""
        blocks = list(count_blocks(entry, entry.blocks(), self.config.chip()))
        counts = np.concatenate(blocks)[round(self.config.settle_s * self.rate_hz) :]
        return np.asarray(counts - np.round(counts.mean(axis=0)), np.int16)

    def off(self, seconds: float) -> Counts:
        """Nothing turns: the sensor's own noise."""
        steps = self._random.normal(0, self.noise_m_s2(), (round(seconds * self.rate_hz), 3)) * 1e9
        return np.asarray(np.round(steps / self.config.chip().lsb_nm_s2), np.int16)

    def noise_m_s2(self) -> npt.NDArray[np.float64]:
        """RMS of the sensor's own noise on each axis."""
        density = np.array(self.config.chip().noise_ug_rthz[:3]) * 1e-6 * STANDARD_GRAVITY
        return np.asarray(density * np.sqrt(self.rate_hz / 2))

    def run(self, counts: Counts, seconds: float) -> Counts:
        """A recording, over and over."""
        return np.resize(counts, (round(seconds * self.rate_hz), 3))

    def change(self, before: Counts, after: Counts, seconds: float) -> Counts:
        """From one to the other."""
        frames = round(seconds * self.rate_hz)
        share = np.linspace(0, 1, frames)[:, None]
        mixed = np.resize(before, (frames, 3)) * (1 - share) + np.resize(after, (frames, 3)) * share
        return np.asarray(np.round(mixed), np.int16)

    def windows(self, seconds: float) -> int:
        """How many begin in that time."""
        return int(seconds * self.rate_hz / self.config.core.hop + 0.5)

    def play(self, model: vib.Model, parts: Sequence[Counts], state: Path, learn_windows: int) -> list[Alert]:
        """The alerts of a sensor that is switched on, learns so many windows, and meets the parts in turn."""
        state.mkdir(exist_ok=True)
        sensor = VirtualSensor(model, state, learn_windows, noise_um_s2=int(self.noise_m_s2().max() * 1e6))
        sensor.play(vib.extract(np.concatenate(parts), self.config.core_config()))
        return list(sensor.alerts)
