"""Hands a model.ota that was copied here to the model store, as if it had come over the air."""

import binascii
import hashlib
import json


def run(path, ota):
    """Put the file `ota` on trial for the sensor that the file `path` configures; `ota` goes in any case."""
    from vibnode import config, flash

    try:
        take(config.load(path), ota)
    finally:
        flash.remove(ota)


def take(device, ota):
    """Say the error that keeps it from being tried, or none."""
    from vibnode import checks, drivers, flash, sampler
    from vibnode.model_file import ModelError
    from vibnode.model_store import CHUNK_BYTES, ModelStore, UploadError

    def check_fit(needed):
        sampler.check_fit(drivers.open_sensor(device["sensor"], needed), needed)

    flash.make_folder(device["data_dir"])
    store = ModelStore(device["data_dir"], device["outbox_bytes"])
    if store.on_trial:
        store.revert()  # whoever holds the cable decides
    try:
        size, sha256 = measure(ota)
        store.begin(size, sha256)
        with open(ota, "rb") as file:
            at = 0
            while at < size:
                at = store.chunk(at, file.read(CHUNK_BYTES))
        store.commit(check_fit)
    except (UploadError, ModelError, sampler.SensorMismatch, checks.ConfigError) as error:
        print(json.dumps({"error": str(error)}))
        return
    print(json.dumps({"error": None}))


def measure(path):
    """Bytes and SHA-256 of a file."""
    state, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while True:
            piece = file.read(512)
            if not piece:
                return size, binascii.hexlify(state.digest()).decode()
            state.update(piece)
            size += len(piece)
