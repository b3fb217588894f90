"""The private certificate authority and the broker's certificate signed by it."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from operations.errors import OperationsError
from operations.paths import Paths

AUTHORITY_DAYS = 20 * 365
SERVER_DAYS = 397
RENEW_BEFORE = timedelta(days=60)
# Stations without a battery-backed clock start in the past; a day of tolerance costs nothing.
BACKDATED = timedelta(days=1)


def certificates_ensure(*, folder: Path, hosts: tuple[str, ...]) -> bool:
    """Create certificates that are missing, near expiry or lack a host. Return True if the server's certificate is new.

    The authority is kept permanently, because every station carries it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = tuple(dict.fromkeys(("localhost", "127.0.0.1", *hosts)))
    authority_path, authority_key_path = folder / "ca.pem", folder / "ca.key"
    if not (authority_path.exists() and authority_key_path.exists()):
        authority_create(certificate_path=authority_path, key_path=authority_key_path)
    authority = x509.load_pem_x509_certificate(authority_path.read_bytes())
    server_path = folder / "server.pem"
    if server_path.exists() and (folder / "server.key").exists():
        server = x509.load_pem_x509_certificate(server_path.read_bytes())
        is_ours = server.issuer == authority.subject and certificate_is_signed_by(server, authority)
        if is_ours and set(names) <= certificate_hosts(server) and not certificate_is_ending(server):
            return False
    key = serialization.load_pem_private_key(authority_key_path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise OperationsError(
            f"{authority_key_path} is not a key made by Roost: move {folder} away to get a new authority."
        )
    server_create(folder=folder, names=names, authority=authority, authority_key=key)
    return True


def certificate_is_ending(certificate: x509.Certificate) -> bool:
    """Whether a certificate must be replaced soon."""
    return certificate.not_valid_after_utc - datetime.now(UTC) < RENEW_BEFORE


def certificate_is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether this authority signed the certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 - any doubt is answered with a new certificate
        return False
    return True


def certificate_hosts(certificate: x509.Certificate) -> set[str]:
    """The names and addresses a certificate is valid for."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(address) for address in extension.get_values_for_type(x509.IPAddress)}
    return set(extension.get_values_for_type(x509.DNSName)) | addresses


def authority_create(*, certificate_path: Path, key_path: Path) -> None:
    """A self-signed authority. Its name is distinctive, so that two authorities can be told apart."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Roost"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Roost authority {os.urandom(4).hex()}"),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_write(key, key_path)
    file_replace(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def server_create(
    *,
    folder: Path,
    names: tuple[str, ...],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> None:
    """A key and a certificate for the given names and addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "roost-broker")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    key_write(key, folder / "server.key")
    file_replace(folder / "server.pem", certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def general_name(name: str) -> x509.GeneralName:
    """A host as written in a certificate: an address or a name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_write(key: ec.EllipticCurvePrivateKey, path: Path) -> None:
    """Write a private key to a file that only its owner can read."""
    content = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file_replace(path, content, mode=0o600)


def file_replace(path: Path, content: bytes, *, mode: int) -> None:
    """Replace a file by write and rename, so that no reader sees half a file."""
    scratch = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    scratch.replace(path)


def hosts_from_environment() -> tuple[str, ...]:
    """The names by which stations reach this machine: ROOST_PUBLIC_HOST, comma-separated."""
    public = os.environ.get("ROOST_PUBLIC_HOST", "")
    named = tuple(host.strip() for host in public.split(",") if host.strip())
    # A container's name changes with every start, and so would its certificate.
    return named or (() if os.environ.get("ROOST_IN_CONTAINER") else (socket.gethostname(),))


def main() -> int:
    """Create the authority and the certificate in this instance's folder, for the compose file."""
    paths = Paths.from_environment()
    is_new = certificates_ensure(folder=paths.tls, hosts=hosts_from_environment())
    print("The broker's certificate was created." if is_new else "The broker's certificate is still valid.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
