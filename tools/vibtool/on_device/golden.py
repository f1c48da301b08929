"""One golden window: what this board's core makes of it."""

import binascii
import json
import struct
from array import array


def run(head, samples, shaft_millihz, features):
    """`head`: the core's configuration; `samples`: base64 of i16 frames; `features`: base64 of the right answer."""
    import vib

    core = vib.Core(head)
    core.shaft(shaft_millihz)
    core.push(binascii.a2b_base64(samples))
    got = array("h", [0] * core.n_features)
    core.features(got)
    right = struct.unpack(f"<{core.n_features}h", binascii.a2b_base64(features))
    differing = [core.feature_name(i) for i in range(core.n_features) if got[i] != right[i]]
    print(json.dumps({"differing": differing[:3]}))
