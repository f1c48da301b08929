"""Which alerts are up, kept on flash over a restart: so that one fault is one alert."""

import json

from . import checked_file

_MAGIC = b"VUP1"


def save(folder: str, up: dict) -> None:
    """Keep the level of each alert that is up, by its cause. What flash refuses lasts until the next start."""
    try:
        checked_file.save(_path(folder), _MAGIC, json.dumps(up).encode())
    except OSError as error:
        print("vibnode: the alerts that are up could not be stored:", error)


def load(folder: str) -> dict:
    """What `save` kept in `folder`; nothing where it never did, or that is damaged."""
    try:
        body = checked_file.load(_path(folder), _MAGIC)
        return json.loads(body.decode()) if body else {}
    except (checked_file.Damaged, ValueError) as error:
        print("vibnode: it is not known which alerts were up:", error)
        return {}


def _path(folder: str) -> str:
    return folder + "/standing.bin"
