"""The outbox: order, acknowledgement, bounds, and a power cut at every byte. Portable: CPython and MicroPython."""

import os

from vibnode.outbox import Outbox


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
