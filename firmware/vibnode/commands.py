"""Commands from the host (SPEC 3.4): who may give one, that none runs twice, and that each is answered."""

import asyncio
import binascii

from . import messages, signing
from .command_counter import Counter, Spent

MAX_WAITING = 2  # commands; each holds up to 4 kB
MAX_ERROR = 300  # characters


class NotDone(Exception):
    """A command cannot be carried out. Its text is one line for a person."""


class Commands:
    """Takes what arrives on `cmd`, and carries the commands out one after the other in a task of its own."""

    def __init__(self, run, counter: Counter, actions: dict) -> None:
        """`run`: a run.Run, in whose configuration is a key.

        `actions`: for each command, by name, ``async action(command, answer)``, which calls ``await answer(fields)``
        for each part of its answer, or raises NotDone, or ValueError or checks.ConfigError for a field.
        """
        self._run = run
        device = run.device
        self._key = binascii.unhexlify(device["command_key"])
        self._topic = messages.topic(device["site"], device["device"], "cmd")
        self._counter = counter
        self._actions = actions
        self._waiting: list[dict] = []
        # The last whose number was spent: replays must not keep others waiting.
        self._late: dict | None = None
        self._wake = asyncio.Event()
        self._refused = 0

    def arrived(self, payload: bytes, retained: bool) -> None:
        """Take a message. Nothing is done about it yet, and no state is changed by one that is not signed."""
        try:
            if retained:
                raise signing.Refused("it is a retained message")
            command = signing.verify(self._key, self._topic, payload)
            if self._counter.is_spent(command["n"]):
                self._late = command
                self._wake.set()
                raise signing.Refused("its number is spent")
            if len(self._waiting) >= MAX_WAITING:
                raise signing.Refused("others are waiting to be carried out")
        except signing.Refused as error:
            self._refuse(str(error))
        except MemoryError:
            self._refuse("there is no memory for it")
        else:
            self._waiting.append(command)
            self._wake.set()

    async def run(self, send) -> None:
        """Carry out what arrives, for ever; ``await send(payload)`` publishes a reply."""
        while True:
            self._wake.clear()
            while self._waiting:
                await self._take(self._waiting.pop(0), send)
            if self._late:
                late, self._late = self._late, None
                await self._reply(late, self._spent(), send)
            await self._wake.wait()

    async def _take(self, command: dict, send) -> None:
        async def answer(fields: dict) -> None:
            await self._reply(command, fields, send)

        try:
            self._counter.spend(command["n"])
        except Spent:
            self._refuse("its number is spent")
            await answer(self._spent())
            return
        except OSError as error:
            await answer({"error": f"n could not be stored, so nothing was done ({error})"})
            return
        try:
            await self._carry_out(command, answer)
        except MemoryError:
            await answer({"error": "there is not enough memory for it"})
        except OSError as error:
            await answer({"error": f"flash: {error}"})
        except Exception as error:  # a fault of the program: told to both ends
            await answer({"error": f"it failed: {error!r}"[:MAX_ERROR]})
            raise

    async def _carry_out(self, command: dict, answer) -> None:
        action = self._actions.get(command["cmd"])
        try:
            if action is None:
                raise NotDone("cmd: no such command; accepted: " + ", ".join(sorted(self._actions)))
            await action(command, answer)
        except NotDone as error:
            await answer({"error": str(error)[:MAX_ERROR]})

    def _spent(self) -> dict:
        last = self._counter.last
        if last is None:
            return {"error": "n: the counter is damaged; delete it at the device, and change the key"}
        return {"error": f"n: spent; accepted: {last + 1} or more", "next_n": last + 1}

    async def _reply(self, command: dict, fields: dict, send) -> None:
        clock, boot = self._run.clock, self._run.outbox.boot
        name = command["cmd"][:32]
        await send(messages.reply(command["id"], name, boot, clock.uptime_ms(), fields))

    def _refuse(self, why: str) -> None:
        self._run.refused += 1
        self._refused += 1
        # The 1st, 2nd, 4th, 8th...: a flood must not hold the console.
        if self._refused & (self._refused - 1) == 0:
            print(f"vibnode: command refused, {self._refused} since the start; the last: {why}")
