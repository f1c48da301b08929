"""The native modules do what the linked module does: the same answers to the bit, the same words, no heap."""

from __future__ import annotations

import json

import pytest
from known_windows import PACKAGE, SCRIPT, known_windows
from natmod_fixtures import INTERPRETERS, Interpreter, note_run, run_native

from lab.rigs.boards import ROOT, run

MODULE_SCRIPT = """
import gc
from array import array
import vib

def tried(call, *arguments):
    try:
        print(call(*arguments))
    except Exception as error:
        print(type(error).__name__, error)

data = open("model.bin", "rb").read()
model = vib.Model(data)
config = model.config()
core = vib.Core(config)
n = core.n_features
print(vib.CORE_VERSION, vib.FEATURE_VERSION, sorted(name for name in dir(vib) if name[0] != "_"))
print(sorted(dir(model)), sorted(dir(core)))
print(sorted(config.items()), sorted(model.meta().items()))
print([core.feature_name(i) for i in range(n)])

for wrong in ({}, 5, dict(config, window=100), dict(config, axes=-1), dict(config, lsb_nm_s2=1 << 40)):
    tried(vib.Core, wrong)
features = array("h", [0] * n)
tried(core.features, features)
tried(core.features, array("h", [0]))
tried(core.features, bytes(2 * n))
tried(core.feature_name, n)
tried(core.feature_name, -1)
tried(core.feature_name, 1 << 32)
tried(core.push, bytes(5))
tried(core.push, bytes(6), 2)
tried(core.push, bytes(6), 1 << 32)
tried(core.push_raw, bytes(6))
tried(core.raw_format, 300, 2, False, False)
tried(core.shaft, -1)
tried(core.shaft, 1 << 33)
tried(model.score, array("h", [0]))
tried(model.score, features, array("h", [0]))
tried(vib.Model, data[:-1])
tried(vib.Model, data[:20] + b"?" + data[21:])
tried(vib.Model, 1)
written = bytearray(data)
of_written = vib.Model(written)
for i in range(len(written)):
    written[i] = 255
print(of_written.meta() == model.meta())
del written, of_written

frames = array("h", [(i * 7919 + (i * i) // 7) % 4001 - 2000 for i in range(config["window"] * config["axes"])])
core.shaft(25000)
core.push(frames)
core.features(features)
print(list(features), model.score(features), model.score(features, features), model.classify(features, None))

raw = vib.Core(config)
raw.shaft(25000)
raw.raw_format(16, 2, True, False, 1)
octets = bytearray()
for i, value in enumerate(frames):
    octets += (b"" if i % config["axes"] else b"?") + bytes((value >> 8 & 255, value & 255))
print(raw.push_raw(octets), raw.ready())
del octets
again = array("h", [0] * n)
raw.features(again)
print(again == features)

hop = memoryview(frames)[: config["hop"] * config["axes"]]
def windows(count):
    for _ in range(count):
        core.push(hop)
        core.features(features)
        model.score(features)
        model.classify(features)

windows(2)
gc.collect()
before = gc.mem_alloc()
windows(20)
print("heap", gc.mem_alloc() - before)
"""


def files() -> dict[str, bytes]:
    return {"model.bin": (PACKAGE / "model.bin").read_bytes()}


@pytest.fixture(scope="module")
def linked() -> str:
    """What MODULE_SCRIPT prints of the module that is linked into the virtual sensor."""
    return run("UNIX", MODULE_SCRIPT, files()).stdout


@pytest.mark.parametrize("interpreter", INTERPRETERS, ids=str)
def test_the_native_module_is_the_linked_one_in_another_form(interpreter: Interpreter, linked: str) -> None:
    _, done = run_native(interpreter, MODULE_SCRIPT, files())
    assert done.stdout.splitlines() == linked.splitlines()
    assert done.stdout.splitlines()[-1] == "heap 0"


@pytest.mark.parametrize("interpreter", INTERPRETERS, ids=str)
def test_every_window_is_the_same_in_a_native_module(interpreter: Interpreter) -> None:
    known = known_windows()
    version, done = run_native(
        interpreter, "import vib\nassert vib.linked_model() is None\n" + SCRIPT, known.files
    )
    assert known.differing_columns(done.files["out.i16"]) == []
    note_run(interpreter, version)
    record = json.loads((ROOT / "build" / "natmod.json").read_text())
    assert interpreter.place in record[interpreter.arch]["ran_in"]
