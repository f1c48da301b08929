"""Models that came over the air (SPEC 2.2): two slots on flash, of which one may be on trial, and the way back.

The model linked in, or the configuration's, is never touched and is what remains when all else fails. A new one is
written into the slot that is not in use; the state file, replaced whole, is all that says which slot is in use. So a
power cut at any byte leaves the model that ran before, or the new one whole and on trial.
"""

import binascii
import hashlib
import os
import struct

from . import checked_file, flash, model_file
from .clock import sleep_ms

TRIAL_WINDOWS = 10  # to be judged before a model is kept
TRIAL_LOOK_MS = 500
TRIAL_RESTARTS = 2  # by which it has failed
# A model is not to blame for a loss of power, nor for a restart by command.
COUNTED_CAUSES = ("watchdog", "crash", "unknown")
MAX_BYTES = 1 << 20
CHUNK_BYTES = 2048
SPARE_BYTES = 16384  # of flash, besides the outbox, that an upload leaves alone
NONE = 255
_MAGIC = b"VMS1"
_STATE = "<BBBB"  # slot in use, slot on trial, restarts on trial, whether a model was given up


class UploadError(Exception):
    """A step of an upload cannot be taken. Its text is one line for a person."""


class ModelStore:
    """`on_trial`: the model in use is. `reverted`: the last one that was tried was given up."""

    def __init__(self, folder: str, outbox_bytes: int = 0) -> None:
        """`folder`: where slots and state are kept; `outbox_bytes`: the most that the outbox there takes."""
        self._folder = folder
        self._reserve = SPARE_BYTES + 2 * outbox_bytes  # it is written anew before the old one goes
        self._kept = self._trial = NONE
        self._restarts = 0
        self.reverted = False
        self._bytes = self._have = 0  # of an upload
        self._sha256 = ""
        try:
            state = checked_file.load(self._state_path(), _MAGIC)
            if state is not None:
                self._kept, self._trial, self._restarts, self.reverted = struct.unpack(_STATE, state)
        except (checked_file.Damaged, ValueError) as error:
            self.reverted = True
            print(f"vibnode: models from afar are given up: {error}")

    @property
    def on_trial(self) -> bool:
        """Whether the model in use is on trial."""
        return self._trial != NONE

    def path(self) -> "str | None":
        """The file of the model in use, None for the one linked in or configured."""
        slot = self._trial if self.on_trial else self._kept
        return None if slot == NONE else self._slot_path(slot)

    def origin(self) -> str:
        """`model.origin` of the status, where it is not the linked or configured model's own."""
        if self.on_trial:
            return "trial"
        return "reverted" if self.reverted else "file" if self._kept != NONE else ""

    def started(self, cause: str) -> None:
        """The device has started because of `cause`. Raises OSError."""
        if not self.on_trial or cause not in COUNTED_CAUSES:
            return
        self._restarts += 1
        if self._restarts >= TRIAL_RESTARTS:
            print(
                f"vibnode: the model on trial was restarted {self._restarts} times ({cause}) and is given up"
            )
            self._forget_trial()
        self._save()

    def give_up(self, why: str) -> None:
        """The model in use cannot be used: go back to the one before it. Raises OSError."""
        print(f"vibnode: the model {self.path()} is given up: {why}")
        if not self.on_trial:
            self._kept = NONE
        self._forget_trial()
        self._save()

    async def stand_trial(self, node, uplink) -> None:
        """Keep the model on trial once it has judged enough windows and the broker was reached. Raises OSError."""
        while node.windows < TRIAL_WINDOWS or not uplink.reached:
            await sleep_ms(TRIAL_LOOK_MS)
        self.keep()
        node.run.model_origin = self.origin()
        print("vibnode: the model on trial is kept")
        node.run.status_changed()

    def keep(self) -> None:
        """The model on trial has stood it. Raises OSError."""
        self._kept, self._trial, self._restarts = self._trial, NONE, 0
        self._save()

    def revert(self) -> None:
        """Back to the model linked in or configured, from the next start on. Raises OSError."""
        self._kept = self._trial = NONE
        self._restarts, self.reverted, self._bytes = 0, False, 0
        self._save()

    def begin(self, size: int, sha256: str) -> None:
        """Open an upload of `size` bytes whose SHA-256 is `sha256`; an older one ends. Raises UploadError, OSError."""
        if self.on_trial:
            raise UploadError("a model is on trial; wait until it is kept, or send model-revert")
        self._bytes = self._have = 0
        path = self._free_path()
        flash.remove(path)
        free = flash_free(self._folder)
        if free is not None and free < size + self._reserve:
            raise UploadError(
                f"bytes: {size}; accepted: up to {max(0, free - self._reserve)}, the room on flash"
            )
        self._bytes, self._sha256 = size, sha256.lower()

    def chunk(self, at: int, data: bytes) -> int:
        """Take the bytes from `at` on; returns how many are held without a hole. Raises UploadError, OSError."""
        end = at + len(data)
        if not self._bytes:
            raise UploadError("no upload is open; send model-begin")
        if at > self._have or end > self._bytes or (at < self._have < end):
            raise UploadError(
                f"at: {at}, {len(data)} bytes; accepted: from {self._have}, {self._bytes} in all"
            )
        path = self._free_path()
        if end <= self._have:
            with open(path, "rb") as file:
                file.seek(at)
                if file.read(len(data)) != data:
                    raise UploadError(f"at: {at}; other bytes are held there; send model-begin")
            return self._have
        try:
            flash.append(path, data)
        except OSError:
            self._bytes = 0  # a part of it may have been written
            raise
        self._have = end
        return end

    def commit(self, check_fit) -> None:
        """Check what was uploaded, and put it on trial from the next start on.

        `check_fit(core_config)`: raises where the sensor does not suit. Raises that, UploadError, OSError,
        model_file.ModelError.
        """
        if not self._bytes or self._have < self._bytes:
            raise UploadError(f"{self._have} bytes are held; accepted: {self._bytes or 'an upload'}")
        path = self._free_path()
        if _sha256(path) != self._sha256:
            raise UploadError("sha256: not that of the bytes held; send model-begin")
        check_fit(model_file.core_config(path))
        self._trial = 0 if self._kept == 1 else 1
        self._restarts, self.reverted, self._bytes = 0, False, 0
        self._save()

    def _forget_trial(self) -> None:
        self._trial, self._restarts, self.reverted = NONE, 0, True

    def _save(self) -> None:
        state = struct.pack(_STATE, self._kept, self._trial, self._restarts, self.reverted)
        checked_file.save(self._state_path(), _MAGIC, state)

    def _free_path(self) -> str:
        return self._slot_path(0 if self._kept == 1 else 1)

    def _slot_path(self, slot: int) -> str:
        return f"{self._folder}/model-{slot}.ota"

    def _state_path(self) -> str:
        return self._folder + "/models.bin"


def flash_free(folder: str) -> "int | None":
    """Bytes free on the medium of `folder`, None where it cannot be told."""
    try:
        stat = os.statvfs(folder)
    except (OSError, AttributeError):
        return None
    return stat[1] * stat[4]


def _sha256(path: str) -> str:
    state = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            piece = file.read(model_file.READ_BYTES)
            if not piece:
                return binascii.hexlify(state.digest()).decode()
            state.update(piece)
