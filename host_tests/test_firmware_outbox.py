"""The outbox: order, acknowledgement, bounds, and a power cut at every byte. Portable: CPython and MicroPython."""

import binascii
import os
import struct

from vibnode import flash
from vibnode import outbox as outbox_module
from vibnode.checks import ConfigError
from vibnode.outbox import Outbox, open_outbox


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def held(outbox):
    """[(seq, boot, payload)] of all alerts held, oldest first."""
    alerts, seq = [], 0
    while True:
        alert = outbox.after(seq)
        if alert is None:
            return alerts
        alerts.append(alert)
        seq = alert[0]


def payloads(outbox):
    return [payload for _, _, payload in held(outbox)]


def box(tmp_path, name="outbox.bin"):
    return str(tmp_path) + "/" + name


def test_keeps_order_and_counts_on_through_reboots(tmp_path):
    path = box(tmp_path)
    first = Outbox(path)
    assert [first.append(b"one"), first.append(b"two")] == [1, 2]
    second = Outbox(path)
    assert second.boot == first.boot + 1
    assert second.append(b"three") == 3
    assert held(second) == [(1, first.boot, b"one"), (2, first.boot, b"two"), (3, second.boot, b"three")]
    assert second.damaged_bytes == 0


def test_acknowledged_alerts_are_gone_for_good(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path)
    for i in range(5):
        outbox.append(b"alert %d" % i)
    assert outbox.ack(outbox.boot, 3)
    assert [seq for seq, _, _ in held(outbox)] == [4, 5]
    assert [seq for seq, _, _ in held(Outbox(path))] == [4, 5]
    assert not outbox.ack(outbox.boot, 3)


def test_seq_goes_on_when_everything_was_acknowledged(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path)
    outbox.append(b"one")
    outbox.ack(outbox.boot, 1)
    again = Outbox(path)
    assert again.queued() == 0 and again.oldest() is None
    assert again.append(b"two") == 2


def test_an_ack_meant_for_another_life_of_the_device_drops_nothing(tmp_path):
    outbox = Outbox(box(tmp_path))
    outbox.append(b"one")
    for boot, seq in ((outbox.boot - 1, 1), (outbox.boot + 1, 1), (outbox.boot, 2), (outbox.boot, 0), (1, 1)):
        assert not outbox.ack(boot, seq)
    assert outbox.queued() == 1


def test_an_erased_device_begins_with_another_boot(tmp_path):
    boots = [Outbox(box(tmp_path, str(i))).boot for i in range(8)]
    assert len(set(boots)) > 6


def test_a_full_outbox_drops_the_oldest_and_counts_them(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path, 4096)
    for i in range(100):
        assert outbox.append(b"%03d" % i + b"." * 297) == i + 1
        assert os.stat(path)[6] <= 4096
    alerts = held(outbox)
    assert alerts[-1][0] == 100
    assert [seq for seq, _, _ in alerts] == list(range(outbox.oldest(), 101))
    assert outbox.dropped + len(alerts) == 100
    assert 8 <= len(alerts) <= 12
    again = Outbox(path, 4096)
    assert (again.dropped, held(again)) == (outbox.dropped, alerts)


def test_room_of_acknowledged_alerts_is_used_again_without_a_drop(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path, 4096)
    for i in range(200):
        outbox.append(b"%03d" % i + b"." * 297)
        outbox.ack(outbox.boot, i)
        assert os.stat(path)[6] <= 4096
    assert outbox.dropped == 0
    assert outbox.queued() == 1


def test_reboots_without_alerts_do_not_fill_it(tmp_path):
    path = box(tmp_path)
    boot = Outbox(path, 4096).boot
    for i in range(400):
        assert Outbox(path, 4096).boot == boot + i + 1
    assert os.stat(path)[6] <= 4096


def test_power_cut_at_every_byte_of_an_append(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path)
    outbox.append(b"earlier one")
    outbox.append(b"earlier two")
    before = contents(path)
    outbox.append(b"the one that is cut")
    after = contents(path)
    assert after[: len(before)] == before
    for cut in range(len(before), len(after) + 1):
        write(path, after[:cut])
        again = Outbox(path)
        whole = cut == len(after)
        expected = [b"earlier one", b"earlier two"] + ([b"the one that is cut"] if whole else [])
        assert payloads(again) == expected, cut
        assert again.append(b"later") == (4 if whole else 3), cut
        assert payloads(Outbox(path))[-1] == b"later", cut
        assert Outbox(path).damaged_bytes == 0, cut


def test_power_cut_at_every_byte_of_an_ack(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path)
    for i in range(3):
        outbox.append(b"alert %d" % i)
    before = contents(path)
    outbox.ack(outbox.boot, 2)
    after = contents(path)
    for cut in range(len(before), len(after) + 1):
        write(path, after[:cut])
        expected = [3] if cut == len(after) else [1, 2, 3]
        assert [seq for seq, _, _ in held(Outbox(path))] == expected, cut


def test_power_cut_at_every_byte_of_a_compaction(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path, 4096)
    while not outbox.dropped:
        before, before_held = contents(path), held(outbox)
        outbox.append(b"." * 700)
    compacted = contents(path)[: -(700 + 17)]  # without the append that made it necessary
    for cut in range(len(compacted) + 1):
        write(path, before)
        write(path + ".new", compacted[:cut])
        again = Outbox(path, 4096)
        assert held(again) == before_held, cut
        assert again.dropped == 0, cut
    write(path, compacted)
    again = Outbox(path, 4096)
    assert held(again) == before_held[outbox.dropped :]
    assert again.dropped == outbox.dropped > 0


def test_alerts_that_the_medium_refused_are_counted_for_good_with_the_next_that_it_takes(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path)
    outbox.append(b"earlier")
    outbox.lose()
    outbox.lose()
    before = contents(path)
    outbox.append(b"the next")
    after = contents(path)
    assert payloads(outbox) == [b"earlier", b"the next"] == payloads(Outbox(path))
    for cut in range(len(before), len(after) + 1):
        write(path, after[:cut])
        again = Outbox(path)
        whole = cut == len(after)
        assert payloads(again) == [b"earlier", b"the next"][: 2 if whole else 1], cut
        assert again.dropped in ((2,) if whole else (0, 2)), cut
        assert again.append(b"later") == (3 if whole else 2), cut


def test_power_cut_at_every_byte_of_the_first_start(tmp_path):
    path = box(tmp_path)
    Outbox(path)
    made = contents(path)
    for cut in range(len(made)):
        write(path, made[:cut])
        outbox = Outbox(path)
        assert outbox.append(b"one") == 1, cut
        assert payloads(Outbox(path)) == [b"one"], cut


def test_a_damaged_byte_costs_its_own_record_only(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path)
    for i in range(5):
        outbox.append(b"alert %d" % i)
    whole = contents(path)
    for at in range(len(whole)):
        write(path, whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        again = Outbox(path)
        assert again.damaged_bytes > 0, at
        assert again.queued() >= 4, at
        assert again.append(b"later") == (5 if again.last_seq() == 5 and again.queued() == 5 else 6), at


def test_what_is_too_long_or_empty_is_refused(tmp_path):
    outbox = Outbox(box(tmp_path))
    for payload in (b"", b"." * 1025):
        try:
            outbox.append(payload)
        except ValueError as error:
            assert str(len(payload)) in str(error)
        else:
            raise AssertionError(f"accepted {len(payload)} bytes")
    assert outbox.queued() == 0
    outbox.append(b"." * 1024)


# Room, to the byte: a start takes 25, an alert 17 and its payload, an acknowledgement 17


def size(path):
    return os.stat(path)[6]


def seqs(outbox):
    return [seq for seq, _, _ in held(outbox)]


def test_what_fits_to_the_byte_drops_nothing(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path, 25 + 3 * 117)
    replace, flash.replace = flash.replace, None  # nor is the file made anew
    try:
        for _ in range(3):
            outbox.append(b"." * 100)
    finally:
        flash.replace = replace
    assert (size(path), outbox.dropped, seqs(outbox)) == (376, 0, [1, 2, 3])
    outbox.append(b"." * 100)  # one byte more makes room for it, and for an eighth of the whole
    assert (size(path), outbox.dropped, seqs(outbox)) == (259, 2, [3, 4])
    assert held(Outbox(path, 376)) == held(outbox)


def test_no_more_is_dropped_than_an_eighth_needs(tmp_path):
    for max_bytes, dropped in ((297, 1), (296, 2)):
        outbox = Outbox(box(tmp_path, str(max_bytes)), max_bytes)
        for _ in range(6):
            outbox.append(b"." * 30)
        # Of 297 bytes 213 are kept, 47 are new, and 37 free.
        assert (outbox.dropped, seqs(outbox)) == (dropped, list(range(1 + dropped, 7)))


def test_an_outbox_that_got_smaller_keeps_what_fits(tmp_path):
    for max_bytes, kept in ((376, [1, 2, 3]), (375, [2, 3]), (259, [2, 3]), (258, [3])):
        path = box(tmp_path, str(max_bytes))
        outbox = Outbox(path)
        for _ in range(3):
            outbox.append(b"." * 100)
        smaller = Outbox(path, max_bytes)
        assert (seqs(smaller), smaller.dropped) == (kept, 3 - len(kept))
        assert size(path) == 25 + 117 * len(kept)


def test_no_byte_too_many_is_written(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path, 375)
    for _ in range(3):
        outbox.append(b"." * 100)
        assert size(path) <= 375
    assert outbox.dropped == 1


def test_room_that_old_starts_take_is_used_before_an_alert_is_dropped(tmp_path):
    path = box(tmp_path)
    Outbox(path, 119).append(b"." * 30)
    outbox = Outbox(path, 119)
    assert size(path) == 97
    outbox.append(b"." * 30)
    assert (size(path), outbox.dropped, seqs(outbox)) == (119, 0, [1, 2])


def test_an_alert_may_need_all_the_room_there_is(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path, 119)
    outbox.append(b"." * 30)
    outbox.append(b"." * 69)
    assert (size(path), outbox.dropped, seqs(outbox)) == (111, 1, [2])


def test_room_for_the_count_of_what_was_lost_is_thought_of(tmp_path):
    for max_bytes, left in ((144, 144), (143, 119)):
        path = box(tmp_path, str(max_bytes))
        outbox = Outbox(path, max_bytes)
        outbox.append(b"." * 30)
        outbox.lose()
        outbox.append(b"." * 30)
        assert (size(path), outbox.dropped, seqs(outbox)) == (left, 1, [1, 2])
        again = Outbox(path, max_bytes)
        assert (again.dropped, payloads(again)) == (1, [b"." * 30] * 2)


def test_what_was_lost_is_noted_once(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path)
    outbox.lose()
    outbox.append(b"one")
    before = size(path)
    outbox.append(b"two")
    assert size(path) == before + 20
    again = Outbox(path)
    before = size(path)
    again.append(b"three")
    assert size(path) == before + 22


def test_an_acknowledgement_has_room_or_makes_some(tmp_path):
    for max_bytes, left in ((89, 89), (88, 25)):
        path = box(tmp_path, str(max_bytes))
        outbox = Outbox(path, max_bytes)
        outbox.append(b"." * 30)
        assert outbox.ack(outbox.boot, 1)
        assert (size(path), outbox.queued()) == (left, 0)
        again = Outbox(path, max_bytes)
        assert (again.queued(), again.last_seq(), again.boot) == (0, 1, outbox.boot + 1)


def test_a_start_has_room_or_makes_some(tmp_path):
    for max_bytes, left in ((72, 72), (97, 97), (96, 72)):
        path = box(tmp_path, str(max_bytes))
        Outbox(path, max_bytes).append(b"." * 30)
        assert seqs(Outbox(path, max_bytes)) == [1] and size(path) == left, max_bytes
    path = box(tmp_path)
    sizes = []
    for _ in range(6):
        Outbox(path, 100)
        sizes.append(size(path))
    assert sizes == [25, 50, 75, 100, 25, 50]


def test_the_oldest_of_many_is_told_and_the_next_after_any(tmp_path):
    outbox = Outbox(box(tmp_path))
    assert (outbox.oldest(), outbox.last_seq(), outbox.queued(), outbox.after(0)) == (None, 0, 0, None)
    for i in range(3):
        outbox.append(b"%d" % i)
    assert (outbox.oldest(), outbox.last_seq(), outbox.queued()) == (1, 3, 3)
    assert outbox.after(1) == (2, outbox.boot, b"1") and outbox.after(3) is None
    assert outbox.ack(outbox.boot, 0) is outbox.ack(outbox.boot, 4) is False
    assert outbox.ack(outbox.boot, 1)
    assert (outbox.oldest(), outbox.last_seq(), outbox.queued()) == (2, 3, 2)
    assert outbox.ack(outbox.boot, 3) and outbox.oldest() is None


def test_acks_of_every_boot_of_this_life_count(tmp_path):
    path = box(tmp_path)
    first = Outbox(path).boot
    for _ in range(3):
        Outbox(path).append(b"alert")
    outbox = Outbox(path)
    assert outbox.first_boot == first and outbox.boot == first + 4
    assert not outbox.ack(first - 1, 1) and not outbox.ack(outbox.boot + 1, 1)
    assert outbox.ack(first, 1) and outbox.ack(first + 2, 2) and outbox.ack(outbox.boot, 3)
    assert outbox.queued() == 0


def test_a_life_begins_just_over_a_multiple_of_a_thousand(tmp_path):
    class Fixed:
        stat = os.stat

        def __init__(self, byte):
            self.urandom = lambda n: bytes([byte] * n)

    try:
        for byte, boot in ((0, 1001), (1, 258001), (255, 65536001)):
            outbox_module.os = Fixed(byte)
            assert Outbox(box(tmp_path, str(byte))).boot == boot
    finally:
        outbox_module.os = os


def test_the_records_are_of_the_kinds_that_are_on_flash_already(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path)
    outbox.append(b"one")
    outbox.ack(outbox.boot, 1)
    data = contents(path)
    heads = [struct.unpack("<2sBHII", data[at : at + 13]) for at in (0, 25, 45)]
    assert [(head[0], head[1], head[2], head[3]) for head in heads] == [
        (b"\xa5V", 3, 8, 0),
        (b"\xa5V", 1, 3, 1),
        (b"\xa5V", 2, 0, 1),
    ]
    assert {head[4] for head in heads} == {outbox.boot} and len(data) == 62


def test_the_longest_alert_outlasts_a_restart(tmp_path):
    path = box(tmp_path)
    Outbox(path).append(b"x" * 1024)
    again = Outbox(path)
    assert payloads(again) == [b"x" * 1024] and again.damaged_bytes == 0


def test_what_is_no_record_is_stepped_over(tmp_path):
    path = box(tmp_path)
    Outbox(path).append(b"one")
    whole = contents(path)
    long = struct.pack("<2sBHII", b"\xa5V", 1, 1025, 9, 9) + b"x" * 1025
    long += struct.pack("<I", binascii.crc32(long))
    boot = struct.unpack("<I", whole[9:13])[0]
    unknown = struct.pack("<2sBHII", b"\xa5V", 9, 8, 1, boot) + struct.pack("<II", 5, 1)
    unknown += struct.pack("<I", binascii.crc32(unknown))
    wrong = whole[-20:-1] + bytes([whole[-1] ^ 1])
    for junk, damaged in (
        (b"\xa5", 1),
        (b"\xa5V" * 4, 8),
        (b"x" * 13, 13),
        (long, len(long)),
        (unknown, 0),
        (wrong, 20),
    ):
        write(path, whole + junk)
        again = Outbox(path)
        assert (again.damaged_bytes, payloads(again)) == (damaged, [b"one"]), junk[:20]
        assert again.last_seq() == 1 and again.dropped == 0
        assert Outbox(path).damaged_bytes == 0  # made anew


def test_where_the_medium_fails_an_alert_is_not_held_and_what_was_is_kept(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path)
    outbox.append(b"one")

    def full(path, data):
        with open(path, "ab") as file:
            file.write(data[:5])  # a part gets there
        raise OSError(28)

    append, flash.append = flash.append, full
    try:
        outbox.append(b"two")
    except OSError:
        pass
    else:
        raise AssertionError("no OSError")
    finally:
        flash.append = append
    assert (payloads(outbox), outbox.last_seq()) == ([b"one"], 1)
    assert outbox.append(b"three") == 2
    assert payloads(outbox) == payloads(Outbox(path)) == [b"one", b"three"]


def test_where_it_cannot_be_made_anew_nothing_is_dropped(tmp_path):
    path = box(tmp_path)
    outbox = Outbox(path, 376)
    for _ in range(3):
        outbox.append(b"." * 100)

    def full(path, chunks):
        raise OSError(28)

    replace, flash.replace = flash.replace, full
    try:
        outbox.append(b"." * 100)
    except OSError:
        pass
    else:
        raise AssertionError("no OSError")
    finally:
        flash.replace = replace
    assert (outbox.dropped, seqs(outbox), outbox.last_seq()) == (0, [1, 2, 3], 3)
    assert outbox.append(b"." * 100) == 4 and outbox.dropped == 2


def test_it_is_opened_in_the_folder_of_the_configuration(tmp_path):
    folder = str(tmp_path) + "/a/b"
    outbox = open_outbox({"data_dir": folder, "outbox_bytes": 4096})
    assert (outbox.path, outbox.max_bytes) == (folder + "/outbox.bin", 4096)
    outbox.append(b"one")
    lines = []
    outbox_module.print = lines.append
    try:
        open_outbox({"data_dir": folder, "outbox_bytes": 4096})
        write(outbox.path, contents(outbox.path) + b"xyz")
        again = open_outbox({"data_dir": folder, "outbox_bytes": 4096})
    finally:
        del outbox_module.print
    assert lines == ["vibnode: outbox: 3 damaged bytes left out"] and payloads(again) == [b"one"]
    assert Outbox(outbox.path).max_bytes == 65536


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    path = box(tmp_path, "file")
    write(path, b"")
    try:
        open_outbox({"data_dir": path + "/x", "outbox_bytes": 4096})
    except ConfigError as error:
        assert str(error).startswith("data_dir: " + repr(path + "/x") + " cannot be written (")
    else:
        raise AssertionError("no ConfigError")
