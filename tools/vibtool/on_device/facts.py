"""What this board is and what is on it."""

import gc
import json
import os
import sys


def run() -> None:
    """Say it in one line."""
    gc.collect()
    implementation = sys.implementation
    mpy = getattr(implementation, "_mpy", 0)
    facts = {
        "name": implementation[0],
        "version": list(implementation[1][:3]),
        "machine": getattr(implementation, "_machine", sys.platform),
        "platform": sys.platform,
        "mpy_version": mpy & 0xFF,
        "mpy_sub": mpy >> 8 & 3,
        "mpy_arch": mpy >> 10 & 0xF,
        "heap_free": gc.mem_free(),
        "word_bytes": 8 if sys.maxsize > 0x7FFFFFFF else 4,
        "psram_bytes": psram_bytes(),
        "rom_bytes": rom_bytes(),
        "flash_free": flash_free(),
        "path": sys.path,
    }
    facts.update(application())
    print(json.dumps(facts))


def flash_free() -> "int | None":
    """Bytes left in the file system, None where it does not say."""
    try:
        sizes = os.statvfs("")
    except (OSError, AttributeError):
        return None
    return sizes[0] * sizes[3]


def psram_bytes() -> int:
    """Of external memory that the firmware uses as heap, as far as the chip tells."""
    try:
        import esp32

        regions = esp32.idf_heap_info(esp32.HEAP_DATA)
    except (ImportError, AttributeError):
        return 0
    return sum([region[0] for region in regions if region[0] >= 1 << 20])


def rom_bytes() -> "int | None":
    """Size of the partition for files that run in place, a ROMFS; None where the firmware has none."""
    try:
        import vfs

        if vfs.rom_ioctl(1) < 1:
            return None
        segment = vfs.rom_ioctl(2, 0)
    except (ImportError, AttributeError):
        return None
    return segment.ioctl(4, 0) * segment.ioctl(5, 0) if hasattr(segment, "ioctl") else len(segment)


def application() -> dict:
    """Versions of the application and the core, and where the application is; null where there is none."""
    said = {
        "fw": None,
        "fw_file": None,
        "core": None,
        "feature": None,
        "core_file": None,
        "linked_model": None,
    }
    try:
        import vibnode

        said["fw"], said["fw_file"] = vibnode.__version__, getattr(vibnode, "__file__", "")
    except (ImportError, AttributeError, ValueError):
        pass  # none, or what a deployment that was cut short left of it
    try:
        import vib

        said["core"], said["feature"] = vib.CORE_VERSION, vib.FEATURE_VERSION
        said["core_file"] = getattr(vib, "__file__", "")
        model = vib.linked_model()
        said["linked_model"] = model and model.meta()["name"]
    except (ImportError, ValueError):
        pass
    return said
