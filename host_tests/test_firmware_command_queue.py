"""Commands as they arrive: who is refused, that each is done once and in order, what is answered. Portable."""

import asyncio
import binascii
import json

from vibnode import commands as commands_module
from vibnode import signing
from vibnode.command_counter import Counter
from vibnode.commands import MAX_ERROR, MAX_WAITING, Commands, NotDone

KEY = bytes(range(32))
DEVICE = {"command_key": binascii.hexlify(KEY), "site": "plant", "device": "motor-1"}
TOPIC = "vibnode/v1/plant/motor-1/cmd"


class Fixed:
    """What a reply is stamped with."""

    boot = 7
    refused = 0
    device = DEVICE

    def uptime_ms(self):
        return 12345

    @property
    def clock(self):
        return self

    outbox = clock


async def _nowhere(payload):
    """There is no link."""


class Bench:
    """Commands on a counter in a file, with actions that note what they were asked; `lines` is what was printed."""

    def __init__(self, tmp_path, path=None, linked=True):
        self.node, self.done, self.replies, self.lines = Fixed(), [], [], []
        self.path = path or str(tmp_path) + "/commands.bin"
        self.error = None
        self._loop = asyncio.new_event_loop()
        actions = {"note": self._note, "fail": self._fail}
        self.commands = Commands(self.node, Counter(self.path), actions)
        self._send = self._keep if linked else _nowhere

    def arrives(self, n, cmd="note", retained=False, key=KEY, topic=TOPIC):
        command = {"id": f"c{n}", "n": n, "cmd": cmd}
        self.commands.arrived(signing.sign(key, topic, command), retained)

    def carry_out(self, during=None):
        """Run until nothing is left to do; what run() raised, None for nothing."""
        return self._loop.run_until_complete(self._carry_out(during))

    def answers(self):
        """(id, ok) of each reply."""
        return [(reply["id"], reply["ok"]) for reply in self.replies]

    async def _carry_out(self, during):
        running = asyncio.create_task(self.commands.run(self._send))
        for step in range(20):
            await asyncio.sleep(0)
            if during and step == 10:
                during()
        if not running.done():
            running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            return None
        except Exception as error:
            return error

    async def _note(self, command, answer):
        self.done.append(command["n"])
        await answer({"heard": command["n"]})

    async def _fail(self, command, answer):
        raise self.error

    async def _keep(self, payload):
        self.replies.append(json.loads(payload))


def printed(act):
    """What the module printed while `act` was done."""
    lines = []
    commands_module.print = lines.append
    try:
        act()
    finally:
        del commands_module.print
    return lines


def refused(bench, act):
    """Why `act` was refused; nothing of it may have been kept."""
    before = bench.node.refused
    (line,) = printed(act)
    assert bench.node.refused == before + 1
    assert bench.carry_out() is None
    return line.split("the last: ")[1]


def test_a_command_is_carried_out_and_answered(tmp_path):
    bench = Bench(tmp_path)
    bench.arrives(5)
    assert bench.done == []  # not where it arrived
    assert bench.carry_out() is None
    assert bench.done == [5] and bench.node.refused == 0
    assert bench.replies == [
        {"v": 1, "id": "c5", "cmd": "note", "boot": 7, "uptime_ms": 12345, "ok": True, "heard": 5}
    ]
    assert Counter(bench.path).last == 5


def test_one_that_comes_later_wakes_it(tmp_path):
    bench = Bench(tmp_path)
    assert bench.carry_out(lambda: bench.arrives(5)) is None
    assert bench.done == [5]
    assert bench.carry_out(lambda: bench.arrives(5)) is None  # and so does one that is only answered
    assert bench.done == [5] and bench.answers() == [("c5", True), ("c5", False)]


def test_without_a_link_it_is_carried_out_all_the_same(tmp_path):
    bench = Bench(tmp_path, linked=False)
    bench.arrives(5)
    assert bench.carry_out() is None
    assert bench.done == [5]


def test_what_must_not_be_done_is_refused_unanswered(tmp_path):
    bench = Bench(tmp_path)
    assert refused(bench, lambda: bench.arrives(5, retained=True)) == "it is a retained message"
    bench = Bench(tmp_path)
    assert "signature" in refused(bench, lambda: bench.arrives(5, key=bytes(32)))
    bench = Bench(tmp_path)
    assert "signature" in refused(bench, lambda: bench.arrives(5, topic=TOPIC.replace("motor-1", "motor-2")))
    assert bench.done == [] and bench.replies == [] and Counter(bench.path).last == 0


def test_some_may_wait_and_are_done_in_order(tmp_path):
    bench = Bench(tmp_path)
    for n in range(1, 1 + MAX_WAITING):
        bench.arrives(n)
    assert refused(bench, lambda: bench.arrives(1 + MAX_WAITING)) == "others are waiting to be carried out"
    assert bench.done == [1, 2]


def test_there_may_be_no_memory_to_read_it(tmp_path):
    bench, verify = Bench(tmp_path), signing.verify

    def no_memory(key, topic, payload):
        raise MemoryError

    signing.verify = no_memory
    try:
        assert refused(bench, lambda: bench.arrives(1)) == "there is no memory for it"
    finally:
        signing.verify = verify
    assert bench.done == []


def test_a_flood_is_counted_and_does_not_hold_the_console(tmp_path):
    bench = Bench(tmp_path)
    lines = printed(lambda: [bench.arrives(1, retained=True) for _ in range(100)])
    assert bench.node.refused == 100
    assert [line.split(", ")[1].split(" ")[0] for line in lines] == ["1", "2", "4", "8", "16", "32", "64"]
    assert lines[1] == "vibnode: command refused, 2 since the start; the last: it is a retained message"


def test_a_number_is_taken_once_and_the_next_one_is_told(tmp_path):
    bench = Bench(tmp_path)
    bench.arrives(5)
    bench.carry_out()
    again = Bench(tmp_path)  # a restart
    assert refused(bench, lambda: bench.arrives(4)) == "its number is spent"
    assert refused(again, lambda: again.arrives(5)) == "its number is spent"
    for one in (bench, again):
        told = one.replies[-1]
        assert (told["ok"], told["next_n"], told["error"]) == (False, 6, "n: spent; accepted: 6 or more")
    assert (bench.done, again.done, Counter(bench.path).last) == ([5], [], 5)


def test_replays_keep_nobody_waiting_and_the_last_is_answered(tmp_path):
    bench = Bench(tmp_path)
    bench.arrives(5)
    bench.carry_out()
    for n in (1, 2, 3):
        bench.arrives(n)
    bench.arrives(6)
    assert bench.carry_out() is None
    assert bench.answers() == [("c5", True), ("c6", True), ("c3", False)]
    bench.carry_out()
    assert len(bench.replies) == 3  # once


def test_one_that_came_twice_before_its_turn_is_done_once(tmp_path):
    bench = Bench(tmp_path)
    bench.arrives(5)
    bench.arrives(5)
    assert bench.node.refused == 0
    assert bench.carry_out() is None
    assert bench.done == [5] and bench.answers() == [("c5", True), ("c5", False)]
    assert bench.node.refused == 1 and bench.replies[1]["next_n"] == 6


def test_a_damaged_counter_takes_none_and_says_what_to_do(tmp_path):
    path = str(tmp_path) + "/commands.bin"
    with open(path, "wb") as file:
        file.write(b"damaged")
    bench = Bench(tmp_path)
    bench.arrives(5)
    bench.carry_out()
    assert bench.done == []
    assert [reply["error"] for reply in bench.replies] == [
        "n: the counter is damaged; delete it at the device, and change the key"
    ]


def test_where_the_number_cannot_be_stored_nothing_is_done(tmp_path):
    bench = Bench(tmp_path, str(tmp_path) + "/no/such/folder")
    bench.arrives(5)
    assert bench.carry_out() is None
    assert bench.done == [] and bench.answers() == [("c5", False)]
    assert bench.replies[0]["error"].startswith("n could not be stored, so nothing was done (")


def test_what_cannot_be_done_is_answered_and_the_next_is_done(tmp_path):
    for number, (error, said) in enumerate(
        (
            (NotDone("windows: 501"), "windows: 501"),
            (NotDone("x" * 1000), "x" * MAX_ERROR),
            (MemoryError(), "there is not enough memory for it"),
            (OSError(28), "flash: 28"),
        )
    ):
        bench = Bench(tmp_path, f"{tmp_path}/{number}.bin")
        bench.error = error
        bench.arrives(1, "fail")
        bench.arrives(2)
        assert bench.carry_out() is None
        assert bench.replies[0]["error"] == said and bench.answers() == [("c1", False), ("c2", True)]


def test_a_fault_of_the_program_is_told_to_both_ends(tmp_path):
    bench = Bench(tmp_path)
    bench.error = KeyError("x" * 1000)
    bench.arrives(1, "fail")
    assert bench.carry_out() is bench.error
    (reply,) = bench.replies
    assert reply["error"].startswith("it failed: KeyError(") and len(reply["error"]) == MAX_ERROR == 300


def test_a_command_that_there_is_not_is_told_which_there_are(tmp_path):
    bench = Bench(tmp_path)
    name = "x" * 40
    bench.arrives(1, name)
    bench.carry_out()
    (reply,) = bench.replies
    assert reply["error"] == "cmd: no such command; accepted: fail, note"
    assert reply["cmd"] == name[:32] and not reply["ok"]
