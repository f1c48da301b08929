"""The data set registry and its loaders: where files are found, what is refused, labels, units."""

import gzip
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from machine_lacks import have_recordings, skip_for_want_of
from vibtrain.data import dataset_loaders, registry
from vibtrain.data.dataset_loaders import adi_motor_labels, catalogue
from vibtrain.data.registry import ChecksumMismatch, DataFile, Dataset, DataUnavailable
from vibtrain.recordings import DataError, Entry

CONTENT = b"0;0.89;0.90;0.89\n"


@pytest.fixture
def empty_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user with no data at all; returns the folder for VIBNODE_DATA."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("VIBNODE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def web_folder(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder served over HTTP on a free local port, and its URL."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def small_dataset(base_url: str = "http://127.0.0.1:9/") -> Dataset:
    file = DataFile("a.csv", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    return replace(registry.dataset("st-fan"), name="small", base_url=base_url, files=(file,))


def real(name: str) -> list[Entry]:
    """Catalogue of a real data set; skips where it is not on this machine."""
    if not have_recordings(name):
        skip_for_want_of(f"recordings of {name} (VIBNODE_DATA)")
    return catalogue(name)


def test_every_registered_dataset_states_its_licence_and_origin() -> None:
    assert {"adi-motor", "nxp-fan", "st-fan"} <= set(registry.names())
    for name in registry.names():
        data = registry.dataset(name)
        assert data.source.startswith("https://")
        assert data.licence and data.redistribution and data.commercial_use
        assert len({file.sha256 for file in data.files}) == len(data.files)
        assert all(len(file.sha256) == 64 and file.bytes > 0 for file in data.files)


NEED_A_MANIFEST = {"cwru", "ims", "femto"}


@pytest.mark.parametrize("name", sorted(NEED_A_MANIFEST))
def test_what_no_loader_reads_is_not_downloaded_to_say_so(empty_machine: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: .*vibtrain data get {name}, and a manifest"):
        catalogue(name, announce=lambda line: pytest.fail(line))


def test_unknown_dataset_names_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'adi' is unknown; accepted: .*adi-motor"):
        registry.dataset("adi")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_own_folder_comes_first_and_may_be_compressed(empty_machine: Path, ending: str) -> None:
    for folder in (empty_machine / "small", registry.cache_folder() / "small"):
        folder.mkdir(parents=True)
        (folder / f"a.csv{ending}").write_bytes(gzip.compress(CONTENT) if ending else CONTENT)
    data = small_dataset()
    paths = registry.locate(data)
    assert paths["a.csv"].parent == empty_machine / "small"
    registry.verify(paths["a.csv"], data.files[0])
    assert registry.read_verified(paths["a.csv"], data.files[0]) == CONTENT


CHECKS = pytest.mark.parametrize("check", [registry.read_verified, registry.verify])


@CHECKS
def test_altered_file_is_refused(empty_machine: Path, check: Callable[[Path, DataFile], object]) -> None:
    path = empty_machine / "a.csv"
    path.parent.mkdir()
    path.write_bytes(CONTENT.replace(b"0.90", b"0.91"))
    with pytest.raises(ChecksumMismatch, match=r"a\.csv: SHA-256 is [0-9a-f]{64}; accepted: [0-9a-f]{64}"):
        check(path, small_dataset().files[0])


@CHECKS
def test_truncated_gzip_names_the_file(
    empty_machine: Path, check: Callable[[Path, DataFile], object]
) -> None:
    path = empty_machine / "a.csv.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(CONTENT)[:-6])
    with pytest.raises(DataError, match=r"a\.csv\.gz: cannot be read"):
        check(path, small_dataset().files[0])


def test_download_says_the_licence_first_and_keeps_the_file(
    empty_machine: Path, web_folder: tuple[Path, str]
) -> None:
    folder, url = web_folder
    (folder / "a.csv").write_bytes(CONTENT)
    said: list[str] = []
    data = small_dataset(url)
    paths = registry.locate(data, announce=said.append)
    assert "BSD-3-Clause" in said[0] and "commercial use" in said[0]
    assert paths["a.csv"].read_bytes() == CONTENT
    (folder / "a.csv").unlink()
    assert registry.locate(data, announce=said.append) == paths
    assert len(said) == 1


def test_wrong_download_leaves_nothing_behind(empty_machine: Path, web_folder: tuple[Path, str]) -> None:
    folder, url = web_folder
    (folder / "a.csv").write_bytes(b"an error page")
    with pytest.raises(ChecksumMismatch):
        registry.locate(small_dataset(url), announce=lambda text: None)
    assert list((registry.cache_folder() / "small").iterdir()) == []


def test_unavailable_data_names_all_that_was_tried(empty_machine: Path, web_folder: tuple[Path, str]) -> None:
    _, url = web_folder  # serves an empty folder
    with pytest.raises(DataUnavailable) as caught:
        registry.locate(small_dataset(url), announce=lambda text: None)
    message = str(caught.value)
    own, cache = empty_machine / "small", registry.cache_folder() / "small"
    for tried in (str(own), str(cache), url + "a.csv", "File not found"):
        assert tried in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("0600_GoB_GS_BaLo_WA_00lb.Wfm.csv", (600.0, "0 lb", "healthy", "")),
        ("1800_GoB_BS_BaLo_WA_11lb.Wfm.csv", (1800.0, "11 lb", "bent-shaft", "")),
        ("3000_GoB_GS_BaLo_MA_00lb.Wfm.csv", (3000.0, "0 lb", "misalignment", "")),
        ("3000_GoB_GS_VHIL_WA_00lb.Wfm.csv", (3000.0, "0 lb", "imbalance", "very-heavy")),
        ("3000_LIR_GS_BaLo_WA_00lb.Wfm.csv", (3000.0, "0 lb", "inner-race", "light")),
        ("3000_HOR_GS_BaLo_WA_00lb.Wfm.csv", (3000.0, "0 lb", "outer-race", "heavy")),
        ("3000_HBF_GS_BaLo_WA_00lb.Wfm.csv", (3000.0, "0 lb", "ball", "heavy")),
    ],
)
def test_adi_labels(file_name: str, expected: tuple[float, str, str, str]) -> None:
    assert adi_motor_labels(file_name) == expected


@pytest.mark.parametrize(
    "file_name",
    ["0600_GoB_GS_BaLo_WA.csv", "0600_XoB_GS_BaLo_WA_00lb.Wfm.csv", "0600_HBF_BS_BaLo_WA_00lb.Wfm.csv"],
)
def test_adi_names_that_say_nothing_certain_are_refused(file_name: str) -> None:
    with pytest.raises(DataError, match=file_name):
        adi_motor_labels(file_name)


def test_adi_catalogue_has_every_condition_once() -> None:
    entries = real("adi-motor")
    assert len(entries) == 3 * 13 * 2
    assert len({(entry.speed_rpm, entry.fine_label, entry.load) for entry in entries}) == len(entries)
    assert sum(entry.is_healthy for entry in entries) == 6
    assert len({entry.session for entry in entries}) == 13 * 2


def test_adi_samples_are_in_m_s2_without_offset() -> None:
    entry = next(entry for entry in real("adi-motor") if entry.is_healthy and entry.speed_rpm == 1800)
    recording = entry.read()
    assert recording.data.shape == (40_000, 3) and recording.data.dtype == np.float32
    assert recording.seconds == 2.0
    assert np.abs(recording.data.mean(axis=0)).max() < 0.01
    assert "offset taken off" in recording.note and "0.89" in recording.note
    # The x axis of this file has a standard deviation of 9.64 mV: 0.482 g at 20 mV/g.
    assert recording.data[:, 0].std() == pytest.approx(4.73, abs=0.01)


def test_nxp_fan_shows_gravity_and_tells_fans_apart() -> None:
    entries = real("nxp-fan")
    assert {(entry.machine, entry.session) for entry in entries} == {
        ("fan-1", "vd1"), ("fan-1", "vd2"), ("fan-1", "vd3"), ("fan-2", "vd"),
    }  # fmt: skip
    assert {entry.label for entry in entries if entry.is_fault} == {"clogged", "friction"}
    off = next(entry for entry in entries if entry.label == "off").read()
    running = next(entry for entry in entries if entry.is_healthy).read()
    assert np.linalg.norm(off.data.mean(axis=0)) == pytest.approx(9.8, abs=0.1)
    assert running.data.std() > 3 * 0.01 > off.data.std(axis=0).max()


def test_st_fan_shows_gravity() -> None:
    by_label = {entry.label: entry.read() for entry in real("st-fan")}
    assert set(by_label) == {"healthy", "off", "fault"}
    assert np.linalg.norm(by_label["off"].data.mean(axis=0)) == pytest.approx(9.9, abs=0.15)
    rms = {label: recording.data.std(axis=0).max() for label, recording in by_label.items()}
    assert rms["off"] < rms["healthy"] < rms["fault"]


def test_all_files_of_a_dataset_have_a_reader_or_need_a_manifest() -> None:
    with_files = {name for name in registry.names() if registry.dataset(name).files}
    assert with_files == set(dataset_loaders._DESCRIBE) | NEED_A_MANIFEST
