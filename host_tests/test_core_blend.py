"""vib.blend: what it gives, and that nobody can have it read or write beyond its arrays. Portable."""

from array import array

import vib

ROWS = (100, -7, 30000, 200, -8, 32767)  # two rows of three columns
LINE = (256, -256, 300)


def blended(weights, octaves):
    out = array("h", [99] * 3)
    vib.blend(array("h", ROWS), array("h", weights), array("h", LINE), octaves, out)
    return list(out)


def test_rows_are_blended_by_their_weights_and_moved_along_the_line():
    assert blended((16384, 0), 0) == [100, -7, 30000]
    assert blended((8192, 8192), 0) == [150, -7, 31384]  # a half is rounded up
    assert blended((4096, 12288), -256) == [-81, 248, 31775]
    assert blended((16384,), 3) == [103, -10, 30004]


def test_what_does_not_fit_16_bits_is_limited():
    assert blended((0, 16384), 2560) == [2760, -2568, 32767]
    assert blended((0, 16384), -32768) == [-32568, 32760, -5633]


def refusal(*arguments):
    try:
        vib.blend(*arguments)
    except ValueError as error:
        return str(error)
    return "none"


def test_what_does_not_fit_is_refused_and_nothing_is_written():
    rows, line, out = array("h", ROWS), array("h", LINE), array("h", [99] * 3)
    whole = array("h", [16384])
    for arguments, named in (
        ((rows, array("h"), line, 0, out), "0 weights"),
        ((rows, array("h", [16384] + [0] * 32), line, 0, out), "33 weights"),
        ((rows, array("h", [16383]), line, 0, out), "1 weights"),
        ((rows, array("h", [-1, 16385]), line, 0, out), "2 weights"),
        ((rows, array("h", [16384, 0, 0]), line, 0, out), "3 columns"),
        ((rows, whole, array("h"), 0, out), "columns"),
        ((rows, whole, line, 0, array("h", [99] * 2)), "3 columns"),
        ((rows, whole, line, 32768, out), "32768 octaves"),
        ((rows, whole, line, -32769, out), "-32769 octaves"),
        ((rows, whole, line, 1 << 62, out), "octaves"),
    ):
        said = refusal(*arguments)
        assert named in said and "accepted: " in said, (named, said)
    assert list(out) == [99] * 3
