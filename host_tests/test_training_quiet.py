"""Levels that tell a machine at rest from a quiet one: from training to the device's own program."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import vib
from vibnode import status
from vibtrain.features.extraction import Windows
from vibtrain.judging.virtual_sensor import VirtualSensor
from vibtrain.models import fit
from vibtrain.packaging import convert

from lab.rigs.small_model import small_config, small_fit, small_windows

LEARN = 20


@pytest.fixture(scope="module")
def fitted() -> fit.FittedModel:
    return small_fit()


def machine(shift: int) -> Windows:
    """Machine `a` when healthy, so many steps louder."""
    healthy = small_windows(seed=9)[0]
    return dataclasses.replace(healthy, features=healthy.features + np.int16(shift))


def play(sensor: VirtualSensor, recording: Windows) -> None:
    """For 24 s: a device takes up to 10 s to find a machine steady, and 5 s more to alarm."""
    for _ in range(60):
        sensor.play(recording.features)


def state(sensor: VirtualSensor) -> dict[str, object]:
    said: dict[str, object] = json.loads(status.message("periodic", sensor._node.run, sensor._node))
    return said


def test_off_is_the_sensor_s_noise_and_quiet_is_far_under_the_quietest(fitted: fit.FittedModel) -> None:
    noise = round(256 * np.log2(small_config().chip().noise_um_s2))
    assert fitted.off_rms == min(noise + 256, fitted.quiet_rms)
    names = vib.feature_names(fitted.core)
    levels = [i for i, name in enumerate(names) if name.endswith(".rms")]
    quietest = min(int(r.features[:, levels].max(axis=1).min()) for r in small_windows() if r.is_healthy)
    assert (fitted.quiet_rms, fitted.off_below) == (quietest - 512, 512)


def test_a_machine_recorded_switched_off_tells_where_off_is() -> None:
    """Its hall shakes it: over the sensor's noise, and under what runs."""
    shaken = dataclasses.replace(small_windows()[0], name="off", label="off")
    shaken = dataclasses.replace(shaken, features=np.full_like(shaken.features, 5000))
    quiet = [dataclasses.replace(r, features=r.features + np.int16(2000)) for r in small_windows()]
    assert fit.fit([*quiet, shaken], small_config()).off_rms == 5000 + 256
    silent = dataclasses.replace(shaken, features=np.full_like(shaken.features, 10))
    assert fit.fit([*quiet, silent], small_config()).off_rms == fit.fit(quiet, small_config()).off_rms


def test_a_level_that_may_be_rest_is_neither_learnt_nor_shown_as_running_or_off(
    fitted: fit.FittedModel, tmp_path: Path
) -> None:
    model = vib.Model(convert.convert(dataclasses.replace(fitted, off_rms=fitted.quiet_rms - 300)).binary)
    sensor = VirtualSensor(model, tmp_path, LEARN)
    play(sensor, machine(-700))
    said = state(sensor)
    assert (said["machine"], said["score"], said["baseline"]) == ("outside", None, None)
    play(sensor, machine(0))
    assert (state(sensor)["machine"], state(sensor)["baseline"]) == ("running", LEARN)
    assert not sensor.alerts


def test_a_quiet_machine_learnt_on_a_person_s_word_is_watched(
    fitted: fit.FittedModel, tmp_path: Path
) -> None:
    model = vib.Model(convert.convert(dataclasses.replace(fitted, off_rms=fitted.quiet_rms - 900)).binary)
    sensor = VirtualSensor(model, tmp_path, LEARN)
    play(sensor, machine(-700))
    sensor._node.learn_anew(LEARN)
    play(sensor, machine(-700))
    assert (state(sensor)["machine"], state(sensor)["baseline"]) == ("running", LEARN)
    louder = machine(-700)
    louder.features[:, ::3] += 500
    play(sensor, louder)
    assert [alert.event for alert in sensor.alerts] == ["raise"]


def test_what_was_learnt_at_rest_is_an_alert_when_the_machine_turns(
    fitted: fit.FittedModel, tmp_path: Path
) -> None:
    model = vib.Model(convert.convert(fitted).binary)
    sensor = VirtualSensor(model, tmp_path, LEARN)
    play(sensor, machine(-400))  # loud enough to pass for a machine
    assert state(sensor)["baseline"] == LEARN
    play(sensor, machine(0))
    assert [(alert.event, alert.cause) for alert in sensor.alerts] == [("raise", "anomaly")]
