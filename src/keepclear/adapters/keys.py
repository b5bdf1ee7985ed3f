"""The private keys of a party, in files that only their owner can get at.

The root key is meant to be carried away from the node, and each officer's key is that person's: both are
always locked with a passphrase, and never written or read without one. The node's own keys are not
locked, so that it can start alone. Nothing here writes over a key, and no error shows a key or passphrase.

A file tells the name of its key before the key itself, in PEM: any 32 bytes are a key, so damage would give
another one, unnoticed.
"""

from __future__ import annotations

import ipaddress
import os
import stat
import unicodedata
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import scrypt
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keepclear.adapters.signing import SigningKey
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId

PASSPHRASE_CHARACTERS_MIN: Final = 12
"""A shorter passphrase is refused: who has the file can try them all."""
PASSPHRASE_BYTES_MAX: Final = 1_000
"""The longest passphrase, bytes of UTF-8; OpenSSL takes no more than 1,023."""
KEY_FILE_BYTES_MAX: Final = 16_384
"""A longer file is no key and no certificate."""
PERSON_BYTES_MAX: Final = 200
"""The longest name of an officer whose key is kept, bytes of UTF-8: it is the name of a file, too."""
TLS_NAMES_MAX: Final = 20
"""So many names and addresses a certificate is made for, at most."""
TLS_DAYS: Final = 3_653
"""So long a certificate is good: ten years. Peers pin it, so to change it takes a ceremony."""

_OWNER_ONLY: Final = 0o600
_FOR_ALL: Final = 0o644
_CLOCK_ERROR: Final = timedelta(days=1)  # a certificate is good before it was made, by this
_COMMON_NAME_BYTES_MAX: Final = 64  # RFC 5280, appendix A.1, ub-common-name
# 16 MiB and 0.3 s a guess; a larger N is over the memory that the openssl command allows itself.
_SCRYPT_N: Final = 2**14
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 8
_KID: Final = b"kid "
_LOCKED_LABEL: Final = "ENCRYPTED PRIVATE KEY"
_OPEN_LABEL: Final = "PRIVATE KEY"
_NOT_IN_FILE_NAMES: Final = frozenset('/\\:*?"<>|')


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """Where the keys of a party are.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def root(self) -> Path:
        """The root key, unless it was carried away."""
        return self.path / "root.key"

    @property
    def node(self) -> Path:
        """The key of the node."""
        return self.path / "node.key"

    @property
    def tls_key(self) -> Path:
        """The key of the node's certificate."""
        return self.path / "tls.key"

    @property
    def tls_certificate(self) -> Path:
        """The node's certificate."""
        return self.path / "tls.pem"

    def officer(self, person: str) -> Path:
        """Return the file with the key of an officer.

        Raises:
            InvalidValueError: The name cannot be that of a file everywhere.
        """
        if not person.isprintable() or _NOT_IN_FILE_NAMES & set(person):
            unfit = " ".join(sorted(_NOT_IN_FILE_NAMES))
            raise InvalidValueError("person", f"it names a file, so it may have none of {unfit}")
        if not person or person[0] in ". " or person[-1] in ". ":
            raise InvalidValueError(
                "person", "it must not be empty, nor begin or end with a space or full stop"
            )
        if len(person.encode()) > PERSON_BYTES_MAX:
            raise InvalidValueError("person", f"it is over the limit of {PERSON_BYTES_MAX} bytes")
        return self.path / "officers" / f"{person}.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsIdentity:
    """What a node shows when it connects or is connected to.

    Attributes:
        key_pem: The private key (ECDSA P-256).
        certificate_pem: The certificate, signed by that key; peers pin it.
    """

    key_pem: bytes = field(repr=False)
    certificate_pem: str


def check_passphrase(passphrase: str) -> None:
    """Refuse a passphrase that is too short or too long to lock a key.

    Raises:
        InvalidValueError: It is.
    """
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        reason = f"it must have at least {PASSPHRASE_CHARACTERS_MIN} characters; take four or more words"
        raise InvalidValueError("passphrase", reason)
    if len(_bytes_of(passphrase)) > PASSPHRASE_BYTES_MAX:
        raise InvalidValueError("passphrase", f"it is over the limit of {PASSPHRASE_BYTES_MAX} bytes")


def write_locked_key(file: Path, key: SigningKey, passphrase: str, *, is_for_show: bool = False) -> None:
    """Write the root key or an officer's into a new file, locked with a passphrase.

    Args:
        file: Where.
        key: It.
        passphrase: What locks it.
        is_for_show: Whether nothing rests on it, as in a demonstration: locking it then takes an eighth
            of the time, and so does a guess.

    Raises:
        InvalidValueError: The passphrase is too short or too long, the file exists already, or it cannot
            be written.
    """
    check_passphrase(passphrase)
    _write_new(file, _kid_line(key) + _locked(key, _bytes_of(passphrase), 1 if is_for_show else _SCRYPT_P))


def load_locked_key(file: Path, passphrase: str) -> SigningKey:
    """Read the root key or an officer's, and unlock it.

    Raises:
        InvalidValueError: The file cannot be read, others can get at it, it is not locked or no key, or
            the passphrase is wrong.
    """
    named, pem = _read_named(file)
    if _label(file, pem) == _OPEN_LABEL:
        reason = "it is not locked with a passphrase; who read it has the key: revoke it and make a new one"
        raise InvalidValueError(str(file), reason)
    return _signing_key(file, named, _private_key(file, pem, _bytes_of(passphrase)))


def write_node_key(file: Path, key: SigningKey) -> None:
    """Write the node's key into a new file, not locked.

    Raises:
        InvalidValueError: The file exists already, or it cannot be written.
    """
    pem = _foreign(key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_new(file, _kid_line(key) + pem)


def load_node_key(file: Path) -> SigningKey:
    """Read the node's key.

    Raises:
        InvalidValueError: The file cannot be read, others can get at it, or it is no key of a node.
    """
    named, pem = _read_named(file)
    return _signing_key(file, named, _open_key(file, pem))


def make_tls(party: PartyId, names: Sequence[str], now: datetime) -> TlsIdentity:
    """Make a key and a certificate for it that peers can pin.

    It is an end's certificate, not an authority's: who holds the key cannot make others with it.

    Args:
        party: Whose it is; only for people who look at it, and cut if it is longer than such names may be.
        names: The names and addresses that it is reached at.
        now: What time it is.

    Raises:
        InvalidValueError: There are too many names, or one is neither a name nor an address.
    """
    if len(names) > TLS_NAMES_MAX:
        raise InvalidValueError("names", f"{len(names)} names are over the limit of {TLS_NAMES_MAX}")
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    common_name = party.encode()[:_COMMON_NAME_BYTES_MAX].decode(errors="ignore")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    key_id = x509.SubjectKeyIdentifier.from_public_key(public)
    builder = (
        x509.CertificateBuilder(subject, subject, public, x509.random_serial_number())
        .not_valid_before(now - _CLOCK_ERROR)
        .not_valid_after(now + timedelta(days=TLS_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_signs_only(), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(key_id, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), critical=False)
    )
    if names:
        alternatives = [_alternative(f"names[{index}]", name) for index, name in enumerate(names)]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return TlsIdentity(
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate_pem=builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode("ascii"),
    )


def write_tls(folder: KeyFolder, identity: TlsIdentity) -> None:
    """Write a certificate and its key into new files.

    Raises:
        InvalidValueError: One of the files exists already, or cannot be written; none is left then.
    """
    _write_new(folder.tls_key, identity.key_pem)
    try:
        _write_new(folder.tls_certificate, identity.certificate_pem.encode("ascii"), _FOR_ALL)
    except InvalidValueError:
        folder.tls_key.unlink()
        raise


def load_tls(folder: KeyFolder) -> TlsIdentity:
    """Read the certificate of a node and its key, and see that they belong together.

    Raises:
        InvalidValueError: A file cannot be read or is no such thing, others can get at the key, or the
            certificate is another key's.
    """
    key_pem = _read_private(folder.tls_key)
    key = _open_key(folder.tls_key, key_pem)
    file = str(folder.tls_certificate)
    data, _ = _read(folder.tls_certificate)
    try:
        certificate = x509.load_pem_x509_certificate(data)
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        reason = "it is no certificate (X.509, PEM), or it is cut off"
        raise InvalidValueError(file, reason) from error
    if public != key.public_key():
        raise InvalidValueError(file, f"it is not the certificate of the key in {folder.tls_key}")
    return TlsIdentity(
        key_pem=key_pem, certificate_pem=certificate.public_bytes(Encoding.PEM).decode("ascii")
    )


def _signs_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(field: str, name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        pass
    labels = name.split(".")
    if len(name) > 253 or not all(
        0 < len(label) <= 63 and label.isascii() and label.replace("-", "").isalnum() for label in labels
    ):
        raise InvalidValueError(
            field, "it must be an address, or a name of letters, digits, - and full stops"
        )
    return x509.DNSName(name)


# -- files ------------------------------------------------------------------------------------------


def _write_new(file: Path, data: bytes, mode: int = _OWNER_ONLY) -> None:
    """Write a file that was not there, whole or not at all; the folder is made, for its owner only."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(file.parent, error) from error
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        reason = "it exists already; a key is never written over, so move it away first"
        raise InvalidValueError(str(file), reason) from None
    except (OSError, ValueError) as error:
        raise _unwritable(file, error) from error
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        _sync_folder(file.parent)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: Exception) -> InvalidValueError:
    return InvalidValueError(str(file), f"it cannot be written: {getattr(error, 'strerror', None) or error}")


def _sync_folder(folder: Path) -> None:
    """See to it that the name of a new file is there after a crash, where a folder can be synchronised."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(file: Path) -> tuple[bytes, int]:
    """Return what is in a file, and its mode.

    Raises:
        InvalidValueError: It cannot be read, or is too long.
    """
    try:
        # Looked at once open: what was looked at before could be another file by now.
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read(KEY_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        reason = "there is no such file; name the folder that the keys are in, or make keys"
        raise InvalidValueError(str(file), reason) from None
    except (OSError, ValueError) as error:
        reason = f"it cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidValueError(str(file), reason) from error
    if len(data) > KEY_FILE_BYTES_MAX:
        raise InvalidValueError(
            str(file), f"it is over {KEY_FILE_BYTES_MAX:,} bytes long; it is something else"
        )
    return data, mode


def _read_private(file: Path) -> bytes:
    data, mode = _read(file)
    if os.name == "posix" and stat.S_IMODE(mode) & ~_OWNER_ONLY:
        reason = f"others may get at it (mode {stat.S_IMODE(mode):04o}); chmod 600 {file}"
        raise InvalidValueError(str(file), f"{reason}, and if others could read it, make a new key")
    return data


def _read_named(file: Path) -> tuple[bytes, bytes]:
    """Return the first line of a key file, which names the key, and the rest."""
    named, _, pem = _read_private(file).partition(b"\n")
    if not named.startswith(_KID):
        raise InvalidValueError(str(file), f"it is no key file: it does not begin with '{_KID.decode()}...'")
    return named.strip(), pem


def _label(file: Path, data: bytes) -> str:
    """Return what a file says it holds: a locked or an open key."""
    lines = data.strip().splitlines()
    for label in (_LOCKED_LABEL, _OPEN_LABEL):
        if lines and lines[0] == f"-----BEGIN {label}-----".encode():
            if lines[-1] == f"-----END {label}-----".encode():
                return label
            raise InvalidValueError(str(file), "it is cut off; take it from where you keep a copy")
    raise InvalidValueError(str(file), "it holds no private key (PKCS#8, PEM)")


# -- keys -------------------------------------------------------------------------------------------


def _private_key(file: Path, data: bytes, password: bytes | None) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        why = "the file is damaged" if password is None else "the passphrase is wrong, or the file is damaged"
        raise InvalidValueError(str(file), f"it cannot be read as a key: {why}") from error


def _open_key(file: Path, pem: bytes) -> PrivateKeyTypes:
    if _label(file, pem) == _LOCKED_LABEL:
        reason = "it is locked with a passphrase, and the node must start alone; it is another key's file"
        raise InvalidValueError(str(file), reason)
    return _private_key(file, pem, None)


def _signing_key(file: Path, named: bytes, key: PrivateKeyTypes) -> SigningKey:
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidValueError(str(file), "it is a key of another kind; an Ed25519 key is needed")
    found = SigningKey(key.private_bytes_raw())
    if _kid_line(found).strip() != named:
        raise InvalidValueError(str(file), "the file is damaged: the key is not the one that it names")
    return found


def _kid_line(key: SigningKey) -> bytes:
    return _KID + key.kid.encode("ascii") + b"\n"


def _foreign(key: SigningKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key.seed)


def _bytes_of(passphrase: str) -> bytes:
    # Machines spell the same é differently; a terminal may hand on what is no UTF-8.
    return unicodedata.normalize("NFC", passphrase).encode(errors="surrogatepass")


def _locked(key: SigningKey, password: bytes, repetitions: int) -> bytes:
    """Return a key as encrypted PKCS#8 in PEM.

    `BestAvailableEncryption` of cryptography derives by 2,048 rounds of PBKDF2, 0.5 ms a guess, which is
    too little for a file that is carried about; scrypt it reads, but does not write.

    Source:
        RFC 5958, section 3; RFC 8018, section 6.2 (PBES2); RFC 7914, section 7 (scrypt).
    """
    salt, start = os.urandom(16), os.urandom(16)
    cipher_key = scrypt(password, salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=repetitions, dklen=32)
    padder, encryptor = PKCS7(128).padder(), Cipher(AES(cipher_key), CBC(start)).encryptor()
    plain = _foreign(key).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    secret = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    costs = [_integer(cost) for cost in (_SCRYPT_N, _SCRYPT_R, repetitions)]
    derivation = _sequence(_oid("2b06010401da47040b"), _sequence(_octets(salt), *costs))
    encryption = _sequence(_oid("60864801650304012a"), _octets(start))  # AES-256-CBC
    scheme = _sequence(_oid("2a864886f70d01050d"), _sequence(derivation, encryption))  # PBES2
    return _pem(_LOCKED_LABEL, _sequence(scheme, _octets(secret)))


def _pem(label: str, der: bytes) -> bytes:
    text = b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _tagged(tag: int, content: bytes) -> bytes:
    length = bytes([len(content)]) if len(content) < 0x80 else bytes([0x81, len(content)])
    return bytes([tag]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _octets(content: bytes) -> bytes:
    return _tagged(0x04, content)


def _integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(encoded: str) -> bytes:
    return _tagged(0x06, bytes.fromhex(encoded))
