"""The report: one file that needs nothing else, says what the summary says, and shows what looks wrong."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vib
import vibtrain
from typer.testing import CliRunner
from vibtrain import plain_words
from vibtrain.cli import search
from vibtrain.cli.main import app
from vibtrain.data import spectra
from vibtrain.data.survey import survey
from vibtrain.features.config import Selection
from vibtrain.features.extraction import Windows
from vibtrain.judging import evaluate, importance
from vibtrain.packaging import model_card, package
from vibtrain.recordings import DataError, Entry, Reading
from vibtrain.workers import Workers
from vibtrain.workflows import pipeline

from lab.rigs.small_model import small_config, small_windows

pytest.importorskip("matplotlib")
from vibtrain.report import report, report_model_plots


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[vib.Model, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("report") / "model"
    pipeline.make_package(folder, small_config(), small_windows())
    return package.read(folder)


def judged(made: tuple[vib.Model, dict[str, Any]], recordings: list[Windows]) -> evaluate.Evaluation:
    return evaluate.evaluate(made[0], recordings, Selection(machine=("a",)).admits)


def material(
    made: tuple[vib.Model, dict[str, Any]], recordings: list[Windows] | None = None
) -> report.Material:
    return report.Material(judged(made, recordings or small_windows(seed=5)), made[1])


def page(made: tuple[vib.Model, dict[str, Any]], recordings: list[Windows] | None = None) -> str:
    return report.page(material(made, recordings))


def words(html: str) -> str:
    """What a reader sees."""
    return re.sub(r"\s+", " ", re.sub(r"<style.*?</style>|<[^>]*>", " ", html, flags=re.S))


def test_it_needs_nothing_from_elsewhere(made: tuple[vib.Model, dict[str, Any]]) -> None:
    html = page(made)
    assert not re.search(r"<(script|link|img|iframe)|@import|url\(\s*['\"]?(?!#)", html)
    assert not re.search(r"(?:src|href)\s*=\s*['\"](?!#)", html)


def test_it_says_first_what_the_summary_says(made: tuple[vib.Model, dict[str, Any]]) -> None:
    recordings = small_windows(seed=5)
    said = words(page(made, recordings))
    facts = evaluate.summary(judged(made, recordings))
    for sentence in plain_words.sentences(facts):
        assert re.sub(r"\W", "", sentence) in re.sub(r"\W", "", said)
    assert said.index("False alarms") < said.index("Each machine")
    assert made[1]["digest"] in said
    assert "held out" in said and "trained" in said


def test_it_shows_each_kind_of_plot(made: tuple[vib.Model, dict[str, Any]]) -> None:
    html = page(made)
    assert html.count("<svg") == 3  # ROC and detection error, the held-out machine's scores, confusion
    for label in ("ROC", "Detection error", "outer-race", "warning", "alarm"):
        assert re.search(rf"<text[^>]*>{label}", html), label


def test_the_same_evaluation_is_the_same_file(made: tuple[vib.Model, dict[str, Any]]) -> None:
    assert page(made) == page(made)


def test_names_are_shown_and_not_obeyed(made: tuple[vib.Model, dict[str, Any]]) -> None:
    recordings = [dataclasses.replace(r, machine="<script>x</script>") for r in small_windows(seed=5)[:3]]
    html = page(made, recordings)
    assert "<script>" not in html and "&lt;script&gt;x" in html


def test_healthy_windows_called_faulty_are_listed_to_be_looked_at(
    made: tuple[vib.Model, dict[str, Any]],
) -> None:
    recordings = small_windows(seed=5)
    hidden = dataclasses.replace(recordings[3], name="hidden-fault", label="imbalance")  # b's healthy windows
    loud = dataclasses.replace(recordings[4], name="loud", label="healthy")
    said = words(page(made, [*recordings, hidden, loud]))
    assert re.search(r"hidden-fault imbalance scores as healthy: \d+ %", said)
    assert re.search(r"loud healthy scores as faulty: \d+ %", said)
    assert "every one scores as its label says" in words(page(made, recordings))


def test_broken_recordings_are_listed_with_the_reason(made: tuple[vib.Model, dict[str, Any]]) -> None:
    data = np.random.default_rng(1).normal(size=(500, 1)).astype(np.float32)
    data[100:200] = 1.0
    stuck = Entry(
        name="b-healthy",
        machine="b",
        session="1",
        label="healthy",
        rate_hz=1000,
        axes=("x",),
        source="test",
        reader=lambda: Reading([data]),
    )
    findings = {f.condition.name: f.findings for f in survey([stuck])}
    html = report.page(dataclasses.replace(material(made), findings=findings))
    assert "b-healthy healthy stuck (0.100 s)" in words(html)


def test_simulated_recordings_are_said_to_be_simulated(made: tuple[vib.Model, dict[str, Any]]) -> None:
    simulated = [dataclasses.replace(r, source="simulated drivetrain") for r in small_windows(seed=5)]
    assert "Simulated recordings" in words(page(made, simulated))
    assert "Simulated recordings" not in words(page(made))


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in ("report", "report_plots", "report_model_plots", "svg_figures"):
        monkeypatch.delitem(sys.modules, f"vibtrain.report.{name}")
        monkeypatch.delattr(vibtrain.report, name)
    result = CliRunner().invoke(app, ["report", str(tmp_path), "--out", str(tmp_path / "r.html")])
    assert result.exit_code == 1
    assert "a report needs matplotlib" in result.stderr and "vibnode[report]" in result.stderr
    assert not (tmp_path / "r.html").exists()


def test_what_is_heard_is_where_the_fault_was_put(made: tuple[vib.Model, dict[str, Any]]) -> None:
    """`imbalance` is louder in every third feature, which the score falls by without; the healthy ones do not count."""
    found = importance.importance(made[0], judged(made, small_windows(seed=5)))
    assert found is not None and found.labels == ("imbalance", "outer-race")
    names = vib.feature_names(made[0].config())
    raised = {name.rstrip("0123456789") for i, name in enumerate(names) if i % 3 == 0}
    falls = dict(zip(found.features, found.falls[0], strict=True))
    assert set(found.features) <= {f"{axis}.{kind}" for axis in "xyz" for kind in ("rms", "band")}
    assert all(falls[name] > 20 for name in raised & set(falls)) and raised & set(falls)
    assert all(abs(fall) < 20 for name, fall in falls.items() if name not in raised)


def tone(name: str, label: str, hertz: float, blocks: int) -> Entry:
    """A sine of 2 m/s² on y, in noise, as `blocks` pieces."""
    time_s = np.arange(8000) / 1000
    data = np.random.default_rng(1).normal(0, 0.01, (8000, 3)).astype(np.float32)
    data[:, 1] += (2 * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)
    pieces = np.array_split(data, blocks)
    return Entry(
        name=name, machine="b", session="1", label=label, rate_hz=1000, axes=("x", "y", "z"), source="test",
        reader=lambda: Reading(pieces),
    )  # fmt: skip


def test_a_spectrum_shows_the_line_and_does_not_depend_on_blocks() -> None:
    whole, cut = spectra.spectra([tone("a", "healthy", 125, 1), tone("b", "healthy", 125, 13)])
    np.testing.assert_allclose(whole.density, cut.density, rtol=0.05)
    assert whole.frequencies_hz[whole.density[1].argmax()] == pytest.approx(125, abs=2)
    power = (whole.density[1] ** 2).sum() * (whole.frequencies_hz[1] - whole.frequencies_hz[0])
    assert power == pytest.approx(2.0, rel=0.05)  # of a sine of amplitude 2
    assert report_model_plots.loudest_axis(whole, spectra.spectra([tone("c", "worn", 250, 1)])) == 1


def test_it_shows_the_other_plots_where_it_has_their_material(made: tuple[vib.Model, dict[str, Any]]) -> None:
    entries = [tone("b-healthy", "healthy", 125, 1), tone("b-imbalance", "imbalance", 250, 1)]
    evaluation = judged(made, small_windows(seed=5))
    whole = report.gather(made[0], evaluation, made[1], entries, {}, Workers(jobs=1))
    candidate = {"name": "mahalanobis", "flash_bytes": 900, "recall": 0.9, "false_alarm_rate": 0.1}
    candidate |= {"within_budget": True}
    searched = {"by": "machine", "frontier": [candidate], "anomaly": [candidate], "chosen": candidate}
    html = report.page(dataclasses.replace(whole, search=searched))
    assert html.count("<svg") == 6
    for title in ("Spectra, healthy against fault", "What the model hears", "Size against detection"):
        assert title in words(html)
    assert re.search(r"<text[^>]*>axis y", html)


def test_the_card_says_what_it_was_made_from_and_misses(made: tuple[vib.Model, dict[str, Any]]) -> None:
    recordings = small_windows(seed=5)
    hidden = dataclasses.replace(recordings[3], name="hidden-fault", label="looseness")
    card = model_card.model_card(made[1], judged(made, [*recordings, hidden]))
    assert card["Misses"].startswith("looseness (b: 0 % of windows)")
    assert card["Calls faulty"] == "None of 1 healthy recordings judged."
    assert "6 recordings of seeded" in card["Trained on"] and made[1]["digest"] in card["Versions"]
    assert f"{made[1]['size']['bytes']:,} bytes" == card["Size"]


def test_the_json_holds_what_the_page_shows(made: tuple[vib.Model, dict[str, Any]], tmp_path: Path) -> None:
    beside = report.write(tmp_path / "r.html", material(made))
    facts = json.loads(beside.read_text())
    assert beside == tmp_path / "r.json"
    assert facts["summary"] == json.loads(json.dumps(evaluate.summary(judged(made, small_windows(seed=5)))))
    assert {s["recording"] for s in facts["scores"]} == {r.name for r in small_windows()}
    assert facts["model"]["digest"] == made[1]["digest"] and facts["model_card"]["Purpose"]


def test_a_search_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("[]")
    with pytest.raises(
        DataError, match=r"s\.json: holds something else; accepted: what `vibtrain search --json` prints"
    ):
        search.read(tmp_path / "s.json")


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    rows = ["file,machine,label,rate_hz"]
    random = np.random.default_rng(3)
    for machine in ("a", "b"):
        for label, level in (("healthy", 1.0), ("imbalance", 4.0)):
            np.save(tmp_path / f"{machine}-{label}.npy", random.normal(0, level, (6400, 3)))
            rows.append(f"{machine}-{label}.npy,{machine},{label},3200")
    (tmp_path / "m.csv").write_text("\n".join(rows) + "\n")
    config = "name = 'mine'\n[sensor]\nname = 'adxl345'\n[train]\nmachine = ['a']\n"
    config += "[anomaly]\ninputs = ['rms', 'band']\n"
    config += "[core]\nwindow = 256\nhop = 128\nbands = 4\nband_lo_hz = 20\nband_hi_hz = 1400\n"
    (tmp_path / "c.toml").write_text(config)
    source = ["--recordings", str(tmp_path / "m.csv")]
    out = str(tmp_path / "model")
    fitted = CliRunner().invoke(app, ["fit", "--config", str(tmp_path / "c.toml"), *source, "--out", out])
    assert fitted.exit_code == 0, fitted.output
    result = CliRunner().invoke(app, ["report", out, *source, "--out", str(tmp_path / "deep" / "r.html")])
    assert result.exit_code == 0, result.output
    said = words((tmp_path / "deep" / "r.html").read_text())
    assert "4 recordings in 2 groups" in said and "1 of 1 raised an alert" in said
