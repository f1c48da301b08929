"""Which model the sensor runs, and where it came from."""

import json


def run(path):
    """Say it for the configuration `path`."""
    import vib
    from vibnode import config, main
    from vibnode.model_store import ModelStore

    device = config.load(path)
    origin = ModelStore(device["data_dir"], device["outbox_bytes"]).origin()
    said = {"origin": origin or ("file" if device["model"] else "linked")}
    try:
        model = main.model_in_use(device)
    except main.StartError as error:
        said["error"] = str(error)
    else:
        said.update({"config": model.config(), "versions": [vib.CORE_VERSION, vib.FEATURE_VERSION]})
        said.update(model.meta())
    print(json.dumps(said))
