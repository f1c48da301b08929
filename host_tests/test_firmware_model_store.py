"""Models from afar on flash: what is taken, tried, kept and given up, and the power cut at every byte of all that."""

import hashlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import vib
from power_cut import Supply, every_cut
from vibnode import model_file
from vibnode.model_file import ModelError
from vibnode.model_store import CHUNK_BYTES, ModelStore, UploadError
from vibnode.sampler import SensorMismatch

from lab.rigs.firmware_model import CONFIG, model_ota

SMALL = CONFIG | {"window": 64, "hop": 64, "band_lo_hz": 100}
OLD, NEW = (model_ota(SMALL, digest, windows=1) for digest in ("0102030405060708", "1112131415161718"))


def fits(needed: dict[str, int]) -> None:
    """What sampler.check_fit would do for a sensor of SMALL's rate and axes."""
    if (needed["rate_millihz"], needed["axes"]) != (SMALL["rate_millihz"], SMALL["axes"]):
        raise SensorMismatch("the sensor's rate_hz is another")


def send(store: ModelStore, ota: bytes, chunk: int = 500) -> None:
    store.begin(len(ota), hashlib.sha256(ota).hexdigest())
    for at in range(0, len(ota), chunk):
        store.chunk(at, ota[at : at + chunk])


def upload(store: ModelStore, ota: bytes) -> None:
    send(store, ota)
    store.commit(fits)


def running(folder: Path) -> str:
    """Start as main does: the digest of the model that runs then, "linked" for the one in the firmware."""
    store = ModelStore(str(folder))
    path = store.path()
    if path is None:
        return "linked"
    model = model_file.load(path)
    model_file.prove(path, model, vib.Core(model.config()))
    return str(model.meta()["digest"])


def digest(ota: bytes) -> str:
    return ota[12 + 84 : 12 + 92].hex()


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".new"}


def keep_old(folder: Path) -> ModelStore:
    store = ModelStore(str(folder))
    upload(store, OLD)
    store.keep()
    return store


def test_a_model_is_tried_and_kept(tmp_path: Path) -> None:
    store = ModelStore(str(tmp_path))
    assert (store.path(), store.origin(), store.on_trial) == (None, "", False)
    upload(store, NEW)
    again = ModelStore(str(tmp_path))
    assert (again.on_trial, again.origin(), running(tmp_path)) == (True, "trial", digest(NEW))
    again.keep()
    kept = ModelStore(str(tmp_path))
    assert (kept.on_trial, kept.origin(), running(tmp_path)) == (False, "file", digest(NEW))


def test_a_model_on_trial_goes_after_the_second_restart_that_may_be_its_fault(tmp_path: Path) -> None:
    keep_old(tmp_path)
    upload(ModelStore(str(tmp_path)), NEW)
    for cause, runs in (
        ("command", NEW),
        ("power", NEW),
        ("watchdog", NEW),
        ("brownout", NEW),
        ("sleep", NEW),
        ("power", NEW),
        ("crash", OLD),
        ("crash", OLD),
    ):
        ModelStore(str(tmp_path)).started(cause)
        assert running(tmp_path) == digest(runs), cause
    assert ModelStore(str(tmp_path)).origin() == "reverted"


def test_a_kept_model_is_not_blamed_for_restarts(tmp_path: Path) -> None:
    keep_old(tmp_path)
    for _ in range(5):
        ModelStore(str(tmp_path)).started("watchdog")
    assert running(tmp_path) == digest(OLD) and ModelStore(str(tmp_path)).origin() == "file"


def test_what_fails_goes_back_one_step_and_then_to_the_linked_model(tmp_path: Path) -> None:
    store = keep_old(tmp_path)
    upload(store, NEW)
    store.give_up("because")
    assert running(tmp_path) == digest(OLD) and ModelStore(str(tmp_path)).origin() == "reverted"
    store.give_up("because")
    assert running(tmp_path) == "linked" and ModelStore(str(tmp_path)).origin() == "reverted"
    upload(store, NEW)
    store.revert()
    assert running(tmp_path) == "linked" and ModelStore(str(tmp_path)).origin() == ""


def test_slots_take_turns(tmp_path: Path) -> None:
    store = ModelStore(str(tmp_path))
    for ota in (OLD, NEW, OLD, NEW):
        upload(store, ota)
        store.keep()
        assert running(tmp_path) == digest(ota)
    assert len(list(tmp_path.glob("*.ota"))) == 2


def refused(step: Callable[[], object], said: str, errors: type[Exception] = UploadError) -> None:
    with pytest.raises(errors, match=said):
        step()


def test_chunks_out_of_order_are_refused_and_repeated_ones_answered_alike(tmp_path: Path) -> None:
    store = ModelStore(str(tmp_path))
    refused(lambda: store.chunk(0, b"x"), "no upload is open")
    refused(lambda: store.commit(fits), "0 bytes are held; accepted: an upload")
    store.begin(len(NEW), hashlib.sha256(NEW).hexdigest())
    refused(lambda: store.chunk(1, NEW[1:9]), r"at: 1, 8 bytes; accepted: from 0, \d+ in all")
    assert store.chunk(0, NEW[:100]) == 100
    assert store.chunk(0, NEW[:100]) == 100 and store.chunk(20, NEW[20:100]) == 100
    refused(lambda: store.chunk(20, b"other bytes"), "other bytes are held there")
    refused(lambda: store.chunk(50, NEW[50:150]), "accepted: from 100")
    refused(lambda: store.chunk(101, NEW[101:150]), "accepted: from 100")
    refused(lambda: store.chunk(100, NEW[100:] + b"x"), "accepted: from 100")
    refused(lambda: store.commit(fits), f"100 bytes are held; accepted: {len(NEW)}")
    assert store.chunk(100, NEW[100:]) == len(NEW)
    store.commit(fits)
    assert running(tmp_path) == digest(NEW)


def test_while_a_model_is_on_trial_none_is_taken(tmp_path: Path) -> None:
    upload(ModelStore(str(tmp_path)), NEW)
    refused(lambda: ModelStore(str(tmp_path)).begin(1000, "0" * 64), "a model is on trial")
    assert running(tmp_path) == digest(NEW)


def test_flash_without_room_takes_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibnode.model_store.flash_free", lambda folder: 100_000)
    store = ModelStore(str(tmp_path), outbox_bytes=32768)
    refused(lambda: store.begin(20_000, "0" * 64), "bytes: 20000; accepted: up to 18080")
    store.begin(18_080, "0" * 64)


def resealed(ota: bytes, at: int, value: bytes) -> bytes:
    """`ota` with other bytes there, and its checksum right again."""
    body = ota[:at] + value + ota[at + len(value) : -4]
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("ota", "said"),
    [
        (NEW[:-1], "do not fit what it says it holds|damaged"),
        (NEW[:200], "do not fit what it says it holds"),
        (NEW[:8], "8 bytes; accepted: a model.ota"),
        (NEW + b"\0", "damaged"),
        (b"VIBM" + NEW[4:], "is no model.ota"),
        (NEW[:300] + b"\x55" + NEW[301:], "damaged"),
        (resealed(NEW, 8, b"\0\0"), "is no model.ota"),
        (resealed(NEW, 8, b"\5\0"), "is no model.ota"),
        (resealed(NEW, 4, b"\xff\xff\xff\xff"), "do not fit"),
        (
            model_ota(SMALL, windows=1, version=99),
            "is made for core version 99; accepted: 1, this firmware's",
        ),
        (model_ota(SMALL | {"rate_millihz": 6_000_000}, windows=1), "rate_hz"),
        (model_ota(SMALL | {"axes": 2}, windows=1), "rate_hz"),
        (resealed(NEW, 12 + 24, struct.pack("<I", 4096)), "its golden windows are too short"),
    ],
)
def test_what_is_no_model_for_this_device_is_refused(tmp_path: Path, ota: bytes, said: str) -> None:
    keep_old(tmp_path)
    store = ModelStore(str(tmp_path))
    send(store, ota)
    before = (tmp_path / "models.bin").read_bytes()
    with pytest.raises((UploadError, ModelError, SensorMismatch), match=said):
        store.commit(fits)
    assert (tmp_path / "models.bin").read_bytes() == before and running(tmp_path) == digest(OLD)


def test_another_sha256_than_announced_is_refused(tmp_path: Path) -> None:
    store = ModelStore(str(tmp_path))
    store.begin(len(NEW), hashlib.sha256(OLD).hexdigest())
    store.chunk(0, NEW)
    refused(lambda: store.commit(fits), "sha256: not that of the bytes held")
    assert running(tmp_path) == "linked"


def test_golden_windows_that_come_out_otherwise_end_the_trial(tmp_path: Path) -> None:
    upload(ModelStore(str(tmp_path)), model_ota(SMALL, wrong_score=1))
    with pytest.raises(ModelError, match="golden window 1 of 2 does not come out right"):
        running(tmp_path)


def test_every_damaged_byte_of_a_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "damaged.ota"
    for at in range(len(NEW)):
        path.write_bytes(NEW[:at] + bytes([NEW[at] ^ 0x40]) + NEW[at + 1 :])
        with pytest.raises(ModelError):
            model_file.load(str(path))
    for end in range(0, len(NEW)):
        path.write_bytes(NEW[:end])
        with pytest.raises(ModelError):
            model_file.load(str(path))


def test_a_damaged_state_file_gives_models_from_afar_up(tmp_path: Path) -> None:
    keep_old(tmp_path)
    whole = (tmp_path / "models.bin").read_bytes()
    for at in range(len(whole)):
        (tmp_path / "models.bin").write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        assert running(tmp_path) == "linked" and ModelStore(str(tmp_path)).origin() == "reverted"


def test_power_cut_at_every_byte_of_an_upload_leaves_the_old_model_or_the_new(tmp_path: Path) -> None:
    keep_old(tmp_path)
    kept = (tmp_path / "models.bin").read_bytes()
    slots = sorted(path.name for path in tmp_path.glob("*.ota"))
    committed: list[str] = []

    def scene(supply: Supply) -> None:
        (tmp_path / "models.bin").write_bytes(kept)
        for path in tmp_path.glob("*.ota"):
            if path.name not in slots:
                path.unlink()
        committed.clear()
        store = ModelStore(str(tmp_path))
        with supply:
            send(store, NEW, CHUNK_BYTES)
            committed.append("sent")
            store.commit(fits)
            committed.append("committed")

    cuts = 0
    for supply in every_cut(scene):
        cuts += 1
        assert running(tmp_path) == (digest(OLD) if "committed" not in committed else digest(NEW)), cuts
        assert supply.is_cut == ("committed" not in committed)
    assert cuts > len(NEW)


STEPS: dict[str, Callable[[ModelStore], None]] = {
    "keep": lambda store: store.keep(),
    "give up": lambda store: store.give_up("because"),
    "revert": lambda store: store.revert(),
    "watchdog": lambda store: store.started("watchdog"),
}


@pytest.mark.parametrize("step", STEPS)
def test_power_cut_at_every_byte_of_a_change_of_state_leaves_it_before_or_after(
    tmp_path: Path, step: str
) -> None:
    store = keep_old(tmp_path)
    upload(store, NEW)
    store.started("watchdog")
    before = (tmp_path / "models.bin").read_bytes()
    STEPS[step](ModelStore(str(tmp_path)))
    after = (tmp_path / "models.bin").read_bytes()
    assert before != after

    def scene(supply: Supply) -> None:
        (tmp_path / "models.bin").write_bytes(before)
        store = ModelStore(str(tmp_path))
        with supply:
            STEPS[step](store)

    for supply in every_cut(scene):
        assert (tmp_path / "models.bin").read_bytes() == (before if supply.is_cut else after)
        assert running(tmp_path) in (digest(OLD), digest(NEW), "linked")
