"""Key files: locked where they must be, for their owner only, never written over; certificates that pin."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters import keys
from keepclear.adapters.keys import (
    KEY_FILE_BYTES_MAX,
    PASSPHRASE_BYTES_MAX,
    PASSPHRASE_CHARACTERS_MIN,
    PERSON_BYTES_MAX,
    TLS_NAMES_MAX,
    KeyFolder,
    TlsIdentity,
    check_passphrase,
    load_locked_key,
    load_node_key,
    load_tls,
    make_tls,
    write_locked_key,
    write_node_key,
    write_tls,
)
from keepclear.adapters.signing import SigningKey
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId

needs_modes = pytest.mark.skipif(os.name != "posix", reason="file modes mean this on POSIX only")
PASSPHRASE = "topmost Istanbul Pluto vagabond"
KEY = SigningKey(bytes(range(32)))
BLUE = PartyId("blue")


@pytest.fixture(autouse=True)
def cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locking costs a third of a second on purpose; the file says how it was locked."""
    monkeypatch.setattr(keys, "_SCRYPT_N", 2**4)
    monkeypatch.setattr(keys, "_SCRYPT_P", 1)


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys")


def lock(file: Path) -> None:
    write_locked_key(file, KEY, PASSPHRASE)


def open_one(file: Path) -> None:
    write_node_key(file, KEY)


# -- locked and open keys ---------------------------------------------------------------------------


def test_a_locked_key_is_unlocked_with_its_passphrase_only(folder: KeyFolder) -> None:
    lock(folder.root)
    assert load_locked_key(folder.root, PASSPHRASE).public == KEY.public
    for wrong in ("", PASSPHRASE + " ", PASSPHRASE.lower()):
        with pytest.raises(InvalidValueError, match="the passphrase is wrong, or the file is damaged"):
            load_locked_key(folder.root, wrong)


def test_the_key_of_a_node_is_read_without_a_person(folder: KeyFolder) -> None:
    open_one(folder.node)
    assert load_node_key(folder.node).public == KEY.public


def test_neither_file_shows_a_locked_key(folder: KeyFolder) -> None:
    lock(folder.root)
    text = folder.root.read_text("ascii")
    assert text.startswith(f"kid {KEY.kid}\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert all(len(line) <= 64 for line in text.splitlines())
    lock(folder.officer("Sokolova"))  # with other chance
    assert folder.officer("Sokolova").read_text("ascii") != text


def test_a_passphrase_is_the_same_however_its_letters_are_spelt(folder: KeyFolder) -> None:
    write_locked_key(folder.root, KEY, "caf\u00e9 caf\u00e9 caf\u00e9")
    assert load_locked_key(folder.root, "cafe\u0301 cafe\u0301 cafe\u0301").public == KEY.public


def test_a_passphrase_may_hold_what_a_terminal_could_not_decode(folder: KeyFolder) -> None:
    passphrase = b"caf\xe9 caf\xe9 caf\xe9".decode("utf-8", "surrogateescape")
    write_locked_key(folder.root, KEY, passphrase)
    assert load_locked_key(folder.root, passphrase).public == KEY.public


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to read it")
def test_a_key_as_dearly_locked_as_in_earnest_is_read_by_openssl(
    folder: KeyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    lock(folder.root)
    command = ["openssl", "pkey", "-in", str(folder.root), "-passin", "stdin", "-pubout", "-outform", "DER"]
    done = subprocess.run(command, input=PASSPHRASE.encode(), capture_output=True, check=True)
    assert done.stdout.endswith(KEY.public)


def test_a_key_for_show_is_locked_less_dearly_and_unlocked_like_any_other(
    folder: KeyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_SCRYPT_P", 2)
    lock(folder.root)
    write_locked_key(folder.node, KEY, PASSPHRASE, is_for_show=True)
    for file, repetitions in ((folder.root, 2), (folder.node, 1)):
        der = base64.b64decode(b"".join(file.read_bytes().splitlines()[2:-1]))
        assert bytes([2, 1, 8, 2, 1, repetitions]) in der  # r and p of scrypt
    assert load_locked_key(folder.node, PASSPHRASE).public == KEY.public


@pytest.mark.parametrize("passphrase", ["", "x" * (PASSPHRASE_CHARACTERS_MIN - 1)])
def test_no_key_is_locked_with_a_passphrase_that_is_too_short(passphrase: str, folder: KeyFolder) -> None:
    with pytest.raises(InvalidValueError, match="passphrase: it must have at least 12 characters"):
        write_locked_key(folder.root, KEY, passphrase)
    assert not folder.path.exists()


def test_passphrases_at_the_limits_are_taken_and_a_longer_one_is_not(folder: KeyFolder) -> None:
    check_passphrase("x" * PASSPHRASE_CHARACTERS_MIN)
    longest = "é" * (PASSPHRASE_BYTES_MAX // 2)
    write_locked_key(folder.root, KEY, longest)
    assert load_locked_key(folder.root, longest).public == KEY.public
    with pytest.raises(InvalidValueError, match="passphrase: it is over the limit of 1000 bytes"):
        check_passphrase(longest + "x")


def test_an_officers_key_that_is_not_locked_is_refused(folder: KeyFolder) -> None:
    open_one(folder.officer("Sokolova"))
    with pytest.raises(InvalidValueError, match=r"not locked with a passphrase; .* revoke it") as caught:
        load_locked_key(folder.officer("Sokolova"), PASSPHRASE)
    assert caught.value.field.endswith("Sokolova.key")


def test_a_locked_key_is_refused_for_the_nodes(folder: KeyFolder) -> None:
    lock(folder.node)
    with pytest.raises(InvalidValueError, match="it is locked with a passphrase"):
        load_node_key(folder.node)


# -- files ------------------------------------------------------------------------------------------

WRITERS: list[Callable[[Path], None]] = [lock, open_one]
READERS: list[Callable[[Path], SigningKey]] = [lambda file: load_locked_key(file, PASSPHRASE), load_node_key]


@needs_modes
@pytest.mark.parametrize("write", WRITERS)
def test_a_key_is_for_its_owner_only_whatever_the_umask(
    write: Callable[[Path], None], folder: KeyFolder
) -> None:
    before = os.umask(0)
    try:
        write(folder.root)
        write(folder.officer("Sokolova"))
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in (folder.path, *sorted(folder.path.rglob("*")))]
    assert modes == [0o700, 0o700, 0o600, 0o600]


@pytest.mark.parametrize("write", WRITERS)
def test_a_key_is_never_written_over(write: Callable[[Path], None], folder: KeyFolder) -> None:
    write(folder.root)
    before = folder.root.read_bytes()
    with pytest.raises(InvalidValueError, match=r"it exists already; .* move it away first"):
        write(folder.root)
    assert folder.root.read_bytes() == before


@needs_modes
def test_a_link_that_leads_nowhere_is_not_followed(folder: KeyFolder, tmp_path: Path) -> None:
    folder.path.mkdir()
    folder.root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidValueError, match="it exists already"):
        lock(folder.root)
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_that_cannot_be_written_whole_is_not_there(
    folder: KeyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InvalidValueError, match="it cannot be written: No space left"):
        lock(folder.root)
    assert not folder.root.exists()


def test_a_key_is_not_written_where_it_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "keys", tmp_path / "a\0b"):
        with pytest.raises(InvalidValueError, match="it cannot be written"):
            lock(KeyFolder(place).root)


@needs_modes
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o700, 0o4600])
@pytest.mark.parametrize(("write", "read"), list(zip(WRITERS, READERS, strict=True)))
def test_a_key_that_others_may_get_at_is_refused(
    mode: int, write: Callable[[Path], None], read: Callable[[Path], object], folder: KeyFolder
) -> None:
    write(folder.root)
    folder.root.chmod(mode)
    with pytest.raises(InvalidValueError) as caught:
        read(folder.root)
    assert caught.value.field == str(folder.root)
    assert f"mode {mode:04o}); chmod 600 {folder.root}" in caught.value.reason
    folder.root.chmod(0o400)  # less is right, too
    read(folder.root)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "it is no key file: it does not begin with 'kid ...'"),
        (b"\n\n", "it is no key file"),
        (b"kc_a token", "it is no key file"),
        (b"\xff\xfe\x00", "it is no key file"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "it is no key file"),
        (b"kid", "it is no key file"),
        (b"kid ", "it holds no private key"),
        (b"kid 0\n\n", "it holds no private key"),
        (b"kid 0\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it holds no private key"),
        (
            b"kid 0\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
            "it holds no private",
        ),
        (b"kid 0\n-----BEGIN PRIVATE KEY-----", "it is cut off; take it from where you keep a copy"),
        (b"kid 0\n-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END", "it is cut off"),
        (b"x" * (KEY_FILE_BYTES_MAX + 1), "it is over 16,384 bytes long; it is something else"),
    ],
)
def test_what_is_no_key_is_refused(
    text: bytes, reason: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    file = tmp_path / "root.key"
    file.write_bytes(text)
    file.chmod(0o600)
    with pytest.raises(InvalidValueError, match=reason) as caught:
        read(file)
    assert caught.value.field == str(file)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["none.key", ".", "a\0b"])
def test_what_cannot_be_read_is_refused(name: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"there is no such file; name the folder|it cannot be read"):
        read(tmp_path / name)


@pytest.mark.parametrize(("write", "read"), list(zip(WRITERS, READERS, strict=True)))
@given(place=st.integers(0), put=st.binary(min_size=1, max_size=1))
def test_a_key_file_with_a_byte_changed_is_refused_or_the_same_key(
    write: Callable[[Path], None], read: Callable[[Path], SigningKey], place: int, put: bytes
) -> None:
    """Any 32 bytes are a key: what the file names tells that they are not the ones that were written."""
    with TemporaryDirectory() as name:
        file = Path(name) / "any.key"
        write(file)
        text = bytearray(file.read_bytes())
        place %= len(text)
        text[place : place + 1] = put
        file.write_bytes(text)
        try:
            found = read(file)
        except InvalidValueError:
            return
        assert found.public == KEY.public


def test_a_file_at_the_limit_is_read(folder: KeyFolder) -> None:
    open_one(folder.node)
    text = folder.node.read_bytes()
    folder.node.write_bytes(text + b"\n" * (KEY_FILE_BYTES_MAX - len(text)))
    assert load_node_key(folder.node).public == KEY.public


def test_a_file_with_the_line_ends_of_windows_is_read(folder: KeyFolder) -> None:
    lock(folder.root)
    folder.root.write_bytes(folder.root.read_bytes().replace(b"\n", b"\r\n"))
    assert load_locked_key(folder.root, PASSPHRASE).public == KEY.public


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "node.key"
    file.write_bytes(b"kid 0\n" + other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    with pytest.raises(InvalidValueError, match="a key of another kind; an Ed25519 key is needed"):
        load_node_key(file)
    locked = BestAvailableEncryption(PASSPHRASE.encode())
    file.write_bytes(b"kid 0\n" + other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    with pytest.raises(InvalidValueError, match="a key of another kind"):
        load_locked_key(file, PASSPHRASE)


# -- officers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["Sokolova", "Lt. A. Sokolova", "Соколова", "é" * (PERSON_BYTES_MAX // 2)])
def test_each_officer_has_a_file(person: str, folder: KeyFolder) -> None:
    lock(folder.officer(person))
    assert [path.stem for path in (folder.path / "officers").iterdir()] == [person]
    assert load_locked_key(folder.officer(person), PASSPHRASE).public == KEY.public


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ("../root", "it may have none of"),
        ("a\\b", "it may have none of"),
        ("C:", "it may have none of"),
        ("a\0", "it may have none of"),
        ("a\n", "it may have none of"),
        ("", "must not be empty"),
        (".", "nor begin or end with"),
        (" a", "nor begin or end with"),
        ("a.", "nor begin or end with"),
        ("é" * (PERSON_BYTES_MAX // 2) + "x", "over the limit of 200 bytes"),
    ],
)
def test_a_name_that_cannot_be_a_file_everywhere_is_refused(
    person: str, reason: str, folder: KeyFolder
) -> None:
    with pytest.raises(InvalidValueError, match=reason) as caught:
        folder.officer(person)
    assert caught.value.field == "person"


# -- certificates -----------------------------------------------------------------------------------

NOW = datetime.now(UTC)  # OpenSSL looks at the machine's clock
STRICT = ssl.VERIFY_X509_STRICT
PARTIAL = ssl.VERIFY_X509_PARTIAL_CHAIN


def side(folder: KeyFolder, purpose: int, trusted: str, flags: ssl.VerifyFlags) -> ssl.SSLContext:
    context = ssl.SSLContext(purpose)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= flags
    context.load_cert_chain(folder.tls_certificate, folder.tls_key)
    context.load_verify_locations(cadata=trusted)
    return context


def talk(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = None) -> bytes:
    """Send a word to a server on loopback; each end raises what it finds, and the client's counts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.settimeout(10.0)
            try:
                with server.wrap_socket(connection, server_side=True) as secured:
                    secured.sendall(secured.recv(100).upper())
            except (ssl.SSLError, ConnectionError):
                connection.close()  # the client sees it

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=10.0) as plain,
                client.wrap_socket(plain, server_hostname=name) as secured,
            ):
                secured.sendall(b"clear")
                return secured.recv(100)
        finally:
            thread.join()


@pytest.fixture
def two(tmp_path: Path) -> tuple[KeyFolder, KeyFolder]:
    for name in ("blue", "red"):
        folder = KeyFolder(tmp_path / name)
        write_tls(folder, make_tls(PartyId(name), ["127.0.0.1", "::1", f"{name}.example"], NOW))
    return KeyFolder(tmp_path / "blue"), KeyFolder(tmp_path / "red")


@pytest.mark.parametrize("flags", [ssl.VERIFY_DEFAULT, STRICT, PARTIAL, STRICT | PARTIAL])
@pytest.mark.parametrize("name", [None, "127.0.0.1", "blue.example"])
def test_two_nodes_that_pinned_each_other_talk(
    flags: ssl.VerifyFlags, name: str | None, two: tuple[KeyFolder, KeyFolder]
) -> None:
    blue, red = two
    server = side(blue, ssl.PROTOCOL_TLS_SERVER, load_tls(red).certificate_pem, flags)
    client = side(red, ssl.PROTOCOL_TLS_CLIENT, load_tls(blue).certificate_pem, flags)
    client.check_hostname = name is not None
    assert talk(server, client, name) == b"CLEAR"


@pytest.mark.parametrize("stranger_is_server", [True, False])
def test_a_certificate_of_the_same_name_that_was_not_pinned_is_refused_on_either_side(
    stranger_is_server: bool, two: tuple[KeyFolder, KeyFolder], tmp_path: Path
) -> None:
    blue, red = two
    stranger = KeyFolder(tmp_path / "stranger")
    write_tls(stranger, make_tls(PartyId("blue" if stranger_is_server else "red"), [], NOW))
    serving, asking = (stranger, red) if stranger_is_server else (blue, stranger)
    server = side(serving, ssl.PROTOCOL_TLS_SERVER, load_tls(red).certificate_pem, STRICT | PARTIAL)
    client = side(asking, ssl.PROTOCOL_TLS_CLIENT, load_tls(blue).certificate_pem, STRICT | PARTIAL)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        talk(server, client)


def certificate_of(identity: TlsIdentity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate_pem.encode())


def test_a_certificate_is_good_for_ten_years_and_names_its_party_and_addresses() -> None:
    certificate = certificate_of(make_tls(BLUE, ["127.0.0.1", "[2001:db8::1]", "blue.example"], NOW))
    assert certificate.subject.rfc4514_string() == "CN=blue"
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert start < NOW - timedelta(hours=23)
    assert timedelta(days=3650) < end - NOW < timedelta(days=3655)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["127.0.0.1", "2001:db8::1", "blue.example"]


def test_a_certificate_is_no_authority() -> None:
    extensions = certificate_of(make_tls(BLUE, [], NOW)).extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_a_long_name_of_a_party_is_cut_between_letters() -> None:
    certificate = certificate_of(make_tls(PartyId("é" * 31 + "xé"), [], NOW))
    assert certificate.subject.rfc4514_string() == "CN=" + "é" * 31 + "x"


@pytest.mark.parametrize("name", ["", "a b", "blue..example", "*.example", "é.example", "x" * 64, "a." * 127])
def test_what_is_neither_a_name_nor_an_address_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match=r"names\[1\]: it must be an address, or a name"):
        make_tls(BLUE, ["blue.example", name], NOW)


def test_as_many_names_as_the_limit_are_taken_and_no_more() -> None:
    names = ["blue.example"] * TLS_NAMES_MAX
    make_tls(BLUE, names, NOW)
    with pytest.raises(InvalidValueError, match="21 names are over the limit of 20"):
        make_tls(BLUE, [*names, "x"], NOW)


def test_a_certificate_is_read_as_it_was_written(folder: KeyFolder) -> None:
    identity = make_tls(BLUE, [], NOW)
    write_tls(folder, identity)
    assert load_tls(folder) == identity
    assert "PRIVATE" not in repr(identity)


@pytest.mark.parametrize("name", ["tls.key", "tls.pem"])
def test_a_certificate_is_never_written_over_nor_half_of_it(name: str, folder: KeyFolder) -> None:
    folder.path.mkdir()
    (folder.path / name).write_text("mine")
    with pytest.raises(InvalidValueError, match="it exists already"):
        write_tls(folder, make_tls(BLUE, [], NOW))
    assert [(path.name, path.read_text()) for path in folder.path.iterdir()] == [(name, "mine")]


def test_a_certificate_of_another_key_is_refused(two: tuple[KeyFolder, KeyFolder]) -> None:
    blue, red = two
    shutil.copy(red.tls_certificate, blue.tls_certificate)
    with pytest.raises(InvalidValueError, match=r"it is not the certificate of the key in .*tls\.key"):
        load_tls(blue)


@pytest.mark.parametrize("cut", [0, 30, -30])
def test_a_certificate_that_is_cut_off_is_refused(cut: int, two: tuple[KeyFolder, KeyFolder]) -> None:
    blue, _ = two
    blue.tls_certificate.write_bytes(blue.tls_certificate.read_bytes()[:cut])
    with pytest.raises(InvalidValueError, match=r"tls\.pem: it is no certificate .*, or it is cut off"):
        load_tls(blue)


@needs_modes
def test_the_key_of_a_certificate_that_others_may_get_at_is_refused(
    two: tuple[KeyFolder, KeyFolder],
) -> None:
    two[0].tls_key.chmod(0o640)
    with pytest.raises(InvalidValueError, match="chmod 600"):
        load_tls(two[0])
