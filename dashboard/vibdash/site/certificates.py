"""The site's own certificate authority, and the broker's certificate that it signs."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 20 * 365  # the devices trust this one alone, and it is on their flash
BROKER_DAYS = 5 * 365
_EARLIER = dt.timedelta(days=1)  # a device's clock may be a little behind
Key = ec.EllipticCurvePrivateKey


def new_authority(site: str) -> tuple[x509.Certificate, Key]:
    """Make a certificate authority for one site."""
    key = ec.generate_private_key(ec.SECP256R1())  # small enough for a microcontroller to check
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Vibnode site {site}")])
    signs = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(name, name, key, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(signs, critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return builder.sign(key, hashes.SHA256()), key


def new_broker_certificate(
    authority: x509.Certificate, authority_key: Key, addresses: Sequence[str]
) -> tuple[x509.Certificate, Key]:
    """Make the broker's certificate for the names and IP addresses by which devices reach it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, addresses[0])])
    reached_by = dict.fromkeys([*addresses, "localhost", "127.0.0.1", socket.gethostname()])
    builder = _builder(name, authority.subject, key, BROKER_DAYS)
    names = [name for one in reached_by for name in _general_names(one)]
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = builder.add_extension(signer, critical=False)
    return builder.sign(authority_key, hashes.SHA256()), key


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as Mosquitto and OpenSSL read it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def certificate_der(pem: bytes) -> bytes:
    """Return a certificate as MicroPython reads it."""
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


def key_pem(key: Key) -> bytes:
    """Return a private key, not encrypted: it lies in a file that only its owner may read."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _EARLIER).not_valid_after(now + dt.timedelta(days=days))


def _general_names(address: str) -> list[x509.GeneralName]:
    """Return an address as certificates name it. An IP address is a name, too: Mbed TLS 2 looks at names only."""
    names: list[x509.GeneralName] = [x509.DNSName(address)]
    try:
        return [*names, x509.IPAddress(ipaddress.ip_address(address))]
    except ValueError:
        return names
