"""TLS to the broker (SPEC 4.1, `mqtt.tls`): one CA is trusted, the host's name checked, nothing older than TLS 1.2."""

try:
    import tls
except ImportError:
    tls = None  # CPython, whose `ssl` cannot take the device's key from memory

# Forward secrecy and authenticated encryption: TLS 1.2 brought them, so no older version can be agreed on.
CIPHER_SUITES = (
    "TLS1-3-AES-128-GCM-SHA256",
    "TLS1-3-AES-256-GCM-SHA384",
    "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
    "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
    "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384",
    "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384",
)


class TlsError(Exception):
    """TLS cannot be set up as configured. Its text is one line for the user."""


class Context:
    """What asyncio.open_connection takes as `ssl`; it asks for `server_name`, whatever address was connected to."""

    def __init__(self, section: dict, server_name: str) -> None:
        """`section`: `mqtt.tls` of the configuration. Raises TlsError."""
        if tls is None:
            raise TlsError("mqtt.tls: CPython has no context for it; accepted: on MicroPython only")
        self._context = context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        self._server_name = section["server_name"] or server_name
        context.verify_mode = tls.CERT_REQUIRED
        _limit_suites(context)
        try:
            context.load_verify_locations(_read("ca", section["ca"]))
        except ValueError:
            raise TlsError(f"mqtt.tls.ca: {section['ca']}: is no certificate; accepted: one in DER") from None
        if section["cert"]:
            _present(context, section["cert"], section["key"])

    def wrap_socket(self, plain, server_hostname=None, do_handshake_on_connect=True):
        """As tls.SSLContext.wrap_socket, for the name configured."""
        return self._context.wrap_socket(
            plain, server_hostname=self._server_name, do_handshake_on_connect=do_handshake_on_connect
        )


def _read(field: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise TlsError(f"mqtt.tls.{field}: {path}: cannot be read ({error})") from None


def _present(context, cert: str, key: str) -> None:
    try:
        context.load_cert_chain(_read("cert", cert), _read("key", key))
    except ValueError as error:
        field, path = ("key", key) if "key" in str(error) else ("cert", cert)
        raise TlsError(f"mqtt.tls.{field}: {path}: {error}; accepted: one in DER") from None


def _limit_suites(context) -> None:
    offered = []
    for suite in CIPHER_SUITES:
        try:
            context.set_ciphers((suite,))
            offered.append(suite)
        except OSError:
            pass  # this build of Mbed TLS was made without it
    context.set_ciphers(offered)
