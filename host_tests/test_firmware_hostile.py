"""Hostile messages to the device's own gates: refused, counted, nothing changed. Portable: CPython and MicroPython."""

import asyncio
import binascii
import os

from hostile_payloads import Dice, mangled, numbers, payloads
from vibnode import messages, signing
from vibnode.command_counter import Counter
from vibnode.commands import MAX_WAITING, Commands

SEED = 20260712
KEY = bytes(range(32))
DEVICE = {"site": "demo", "device": "motor-1", "command_key": binascii.hexlify(KEY).decode()}
TOPIC = "vibnode/v1/demo/motor-1/cmd"


class Gate:
    """A real Commands with a real counter on flash, whose actions only note what was asked of them."""

    boot = 1  # as a run, its outbox and its clock, to Commands
    device = DEVICE

    def __init__(self, tmp_path):
        self.refused = 0
        self.outbox = self.clock = self
        self.done = []
        self.replies = []
        self.folder = str(tmp_path)
        counter = Counter(self.folder + "/commands.bin")
        self.commands = Commands(self, counter, {"reboot": self._act, "learn": self._act})

    def uptime_ms(self):
        return 1

    async def _act(self, command, answer):
        self.done.append(command)
        await answer({})

    async def _send(self, payload):
        self.replies.append(payload)

    def take(self, *payloads_, retained=False):
        """Have the messages arrive, and all that is accepted carried out."""
        for payload in payloads_:
            self.commands.arrived(payload, retained)
        asyncio.run(self._settle())

    async def _settle(self):
        task = asyncio.create_task(self.commands.run(self._send))
        while self.commands._waiting:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()

    def files(self):
        held = {}
        for name in os.listdir(self.folder):
            with open(self.folder + "/" + name, "rb") as file:
                held[name] = file.read()
        return held


def signed(n, cmd="reboot", **fields):
    command = {"id": "a", "n": n, "cmd": cmd}
    command.update(fields)
    return signing.sign(KEY, TOPIC, command)


def test_nothing_that_is_not_signed_is_taken(tmp_path):
    gate = Gate(tmp_path)
    gate.take(signed(1000))
    before, said = gate.files(), len(gate.replies)
    sent = 0
    for payload in payloads(SEED, 2000, signed(2000)):
        sent += 1
        gate.commands.arrived(payload, False)
        if gate.commands._waiting:  # mangled in what is not signed: the order of spaces
            command = gate.commands._waiting.pop()
            assert (command["n"], command["cmd"]) == (2000, "reboot"), payload
            sent -= 1
    gate.take()
    assert gate.refused == sent > 2000
    assert (gate.files(), len(gate.replies), len(gate.done)) == (before, said, 1)


def test_a_command_of_another_key_or_for_another_device_is_not_taken(tmp_path):
    gate = Gate(tmp_path)
    command = {"id": "a", "n": 5, "cmd": "reboot"}
    gate.take(
        signing.sign(bytes(32), TOPIC, command),
        signing.sign(KEY, TOPIC.replace("motor-1", "motor-2"), command),
        signing.sign(KEY, TOPIC.replace("cmd", "ack"), command),
    )
    gate.take(signed(6), retained=True)
    assert (gate.refused, gate.done, gate.replies, gate.files()) == (4, [], [], {})


def test_a_replayed_command_is_answered_and_not_carried_out(tmp_path):
    gate = Gate(tmp_path)
    gate.take(signed(10))
    gate.take(signed(10))
    gate.take(signed(9))
    assert len(gate.done) == 1 and gate.refused == 2
    assert b'"next_n":11' in gate.replies[1] and b'"ok":false' in gate.replies[1]
    again = Gate(tmp_path)
    again.take(signed(10))
    assert again.refused == 1 and not again.done


def test_more_at_once_than_can_wait_are_refused(tmp_path):
    gate = Gate(tmp_path)
    gate.take(*[signed(n) for n in range(1, 8)])
    assert len(gate.done) == MAX_WAITING and gate.refused == 7 - MAX_WAITING


def test_numbers_that_are_none_are_not_taken(tmp_path):
    gate = Gate(tmp_path)
    wrong = (
        '"n":-1',
        '"n":0',
        '"n":1e3',
        '"n":9007199254740992',
        '"n":true',
        '"n":"5"',
        '"n":null',
        '"n":[5]',
    )
    wrong += ('"n":NaN', '"n":5,"id":""', '"n":5,"id":7', '"n":5,"cmd":7', '"n":1.5')
    for field in wrong:
        text = '{"id":"a","cmd":"reboot",' + field + "}"
        message = '{"v":1,"signed":"' + text.replace('"', '\\"') + '","mac":"'
        gate.take((message + signing._mac(KEY, TOPIC, text) + '"}').encode())
    assert gate.refused == 13 and not gate.done and not gate.files()


def test_a_counter_that_cannot_be_stored_stops_the_command(tmp_path):
    gate = Gate(tmp_path)
    os.mkdir(gate.folder + "/commands.bin.new")
    gate.take(signed(5))
    assert not gate.done and b"n could not be stored, so nothing was done" in gate.replies[0]
    os.rmdir(gate.folder + "/commands.bin.new")
    gate.take(signed(5))
    assert len(gate.done) == 1


def test_what_is_no_ack_is_none(tmp_path):
    ack = b'{"v":1,"boot":3,"seq":17}'
    assert messages.parse_ack(ack) == (3, 17)
    dice = Dice(SEED)
    for payload in numbers():
        assert messages.parse_ack(payload) is None, payload
    for payload in payloads(SEED, 500, ack):
        taken = messages.parse_ack(payload)
        assert taken is None or (taken[0] > 0 and taken[1] >= 0), payload
    for _ in range(500):
        taken = messages.parse_ack(bytearray(mangled(ack, dice)))
        assert taken is None or type(taken[0]) is type(taken[1]) is int
