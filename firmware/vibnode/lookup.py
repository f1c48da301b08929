"""Host names to addresses, without stopping the sensor while the name server is silent.

`getaddrinfo` blocks. It runs in a thread of its own where there are threads (ESP32 and unix ports, CPython); elsewhere
the whole sensor waits for it.
"""

import socket

from .clock import sleep_ms, ticks_diff, ticks_ms

try:
    import _thread
except ImportError:
    _thread = None  # type: ignore[assignment]

TIMEOUT_MS = 10000
POLL_MS = 20


def resolve(host: str) -> str:
    """The address of `host` that the system's resolver gives now. Blocks. Raises OSError."""
    sockaddr = socket.getaddrinfo(host, 0, 0, socket.SOCK_STREAM)[0][-1]
    if isinstance(sockaddr, tuple):
        return str(sockaddr[0])
    family, address = socket.sockaddr(sockaddr)[:2]  # the unix port's packed form
    return socket.inet_ntop(family, address)


class Lookup:
    """Looks a name up anew each time, as the broker may have moved."""

    def __init__(self, resolve=resolve, timeout_ms: int = TIMEOUT_MS) -> None:
        """`resolve(host)`: blocks until it returns an address or raises OSError."""
        self._resolve = resolve
        self._timeout_ms = timeout_ms
        self._answer: list = ["none yet"]  # one entry when the thread has ended

    async def address(self, host: str) -> str:
        """The address of `host`; an address is its own. Raises OSError."""
        if ":" in host or all(c in "0123456789." for c in host):
            return host
        if _thread is None:
            return self._resolve(host)
        if not self._answer:  # a thread cannot be ended from outside: never have two
            raise OSError("the name server has not answered yet")
        answer: list = []
        try:
            _thread.start_new_thread(self._look, (host, answer))
        except RuntimeError as error:  # CPython's; MicroPython raises OSError
            raise OSError(str(error)) from None
        self._answer = answer  # only now: where no thread was started none will answer
        start = ticks_ms()
        while not answer:
            if ticks_diff(ticks_ms(), start) >= self._timeout_ms:
                raise OSError("the name server does not answer")
            await sleep_ms(POLL_MS)
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    def _look(self, host: str, answer: list) -> None:
        try:
            answer.append(self._resolve(host))
        except Exception as error:  # whatever it is, the task that waits must hear of it
            answer.append(error)
