"""The files under a folder."""

import json
import os


def run(folder: str) -> None:
    """Say the path of each file at any depth; nothing where there is no such folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = folder + "/" + name
        if os.stat(path)[0] & 0x4000:
            run(path)
        else:
            print(json.dumps({"path": path}))
