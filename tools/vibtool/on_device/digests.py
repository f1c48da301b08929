"""SHA-256 of files."""

import binascii
import hashlib
import json


def run(paths: list) -> None:
    """Say the digest of each file of `paths` that is there."""
    block = bytearray(1024)
    view = memoryview(block)
    for path in paths:
        try:
            file = open(path, "rb")  # noqa: SIM115 - closed below; what is not there is passed over
        except OSError:
            continue
        state = hashlib.sha256()
        while True:
            n = file.readinto(block)
            if not n:
                break
            state.update(view[:n])
        file.close()
        print(json.dumps({"path": path, "sha256": binascii.hexlify(state.digest()).decode()}))
