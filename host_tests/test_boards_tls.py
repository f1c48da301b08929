"""The virtual sensor's TLS, as its uplink uses it: asyncio, and a CA certificate in DER."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.rigs.boards import run

# A client that speaks first, as MQTT does: the handshake happens with its first write.
CLIENT = """
import asyncio, tls

async def ask(port, ca):
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    with open(ca, "rb") as file:
        context.load_verify_locations(file.read())
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    writer.write(b"ping")
    await writer.drain()
    print(await reader.readexactly(4))

try:
    asyncio.run(ask(PORT, "ca.der"))
except (OSError, ValueError) as error:
    print("refused:", str(error).strip())
"""


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for localhost; return its PEM file and its key's."""
    openssl = shutil.which("openssl")
    assert openssl, "openssl is not installed; make packages-test installs it"
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-out", str(chain), "-keyout", str(key)],
        check=True, capture_output=True,
    )  # fmt: skip
    return chain, key


def answer(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Answer each client's "ping" until the listener is closed."""
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                assert connection.recv(4) == b"ping"
                connection.sendall(b"pong")
        except (OSError, AssertionError):
            # A client that does not trust us hangs up; its own output says so.
            continue


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A TLS server on a free loopback port; gives the port and the server's certificate."""
    chain, key = certificate(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener, context), daemon=True).start()
        yield listener.getsockname()[1], chain


def der(chain: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(chain.read_text())


def test_the_right_ca_is_accepted(server: tuple[int, Path]) -> None:
    port, chain = server
    script = CLIENT.replace("PORT", str(port))
    assert run("UNIX", script, files={"ca.der": der(chain)}, timeout_s=60).stdout == "b'pong'\n"


def test_another_ca_is_refused(server: tuple[int, Path], tmp_path: Path) -> None:
    port, _ = server
    other, _ = certificate(tmp_path, "other")
    done = run("UNIX", CLIENT.replace("PORT", str(port)), files={"ca.der": der(other)}, timeout_s=60)
    assert done.stdout.startswith("refused: ")
    assert "not correctly signed by the trusted CA" in done.stdout
