"""Which model the sensor runs, and where it came from."""

import json


def run(path):
    """Say it for the configuration `path`."""
    import vib
    from vibnode import config, main, model_file
    from vibnode.model_store import ModelStore

    device = config.load(path)
    store = ModelStore(device["data_dir"], device["outbox_bytes"])
    stored = store.path()
    origin = store.origin() or ("file" if device["model"] else "linked")
    try:
        model = model_file.load(stored) if stored else main.load_model(device["model"])
    except (OSError, ValueError, main.StartError, model_file.ModelError) as error:
        print(json.dumps({"origin": origin, "error": str(error)}))
        return
    said = {"origin": origin, "config": model.config(), "versions": [vib.CORE_VERSION, vib.FEATURE_VERSION]}
    said.update(model.meta())
    print(json.dumps(said))
