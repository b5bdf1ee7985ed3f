"""Calling a peer over TLS: only one that shows what was pinned, and with no trust in what it answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp, Receive, Scope, Send

from keepclear.adapters import clock
from keepclear.adapters.federation import caller as caller_module
from keepclear.adapters.federation.caller import Caller, PeerError
from keepclear.adapters.federation.links import Peer
from keepclear.adapters.federation.server import CERTIFICATE, server_of
from keepclear.adapters.federation.tls import client_context, server_context, trust
from keepclear.adapters.keys import KeyFolder
from keepclear.core.intents import PartyId
from tests.adapters.federation.nodes import WAIT_S, Identity

pytestmark = pytest.mark.slow  # a server takes a tenth of a second to stop


class Answering:
    """An application that answers everything alike, and keeps what came."""

    def __init__(
        self, status: int = 200, body: bytes = b"answer", headers: dict[str, str] | None = None
    ) -> None:
        self.status, self.body, self.headers = status, body, headers or {}
        self.bodies: list[bytes] = []
        self.certificates: list[bytes | None] = []
        self.clients: set[object] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.certificates.append(scope["state"][CERTIFICATE])
        self.clients.add(scope["client"])
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@contextlib.asynccontextmanager
async def served(app: ASGIApp, keys: KeyFolder, *clients: Peer) -> AsyncIterator[str]:
    """Serve an application to these clients; give its address."""
    context = server_context(keys)
    for client in clients:
        trust(context, client)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = server_of(app, context)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def peer(who: Identity, address: str | None = None) -> Peer:
    return Peer(party=who.party, certificate_pem=who.card().certificate, address=address)


def called(caller_keys: KeyFolder, pinned: Peer, *bodies: bytes) -> Callable[[], object]:
    """Return what calls a peer with these bodies, one after the other, and returns its last answer."""

    async def call() -> bytes:
        caller = Caller(pinned, client_context(caller_keys, pinned))
        try:
            for body in bodies:
                answer = await caller.call(body)
            return answer
        finally:
            await caller.close()

    return call


def call(north: Identity, south: Identity, app: ASGIApp, *bodies: bytes) -> bytes:
    """Have the north call the south, which pinned it."""

    async def main() -> bytes:
        async with served(app, south.keys, peer(north)) as address, asyncio.timeout(WAIT_S):
            return await called(north.keys, peer(south, address), *bodies)()  # type: ignore[misc]

    return asyncio.run(main())


def test_a_request_and_its_answer_arrive_whole_and_the_application_sees_the_certificate(
    north: Identity, south: Identity
) -> None:
    app = Answering(body=b"a" * 1_000_000)
    assert call(north, south, app, b"q" * 1_000_000) == b"a" * 1_000_000
    assert app.bodies == [b"q" * 1_000_000]
    assert app.certificates == [north.card().certificate_der]


def test_the_connection_is_kept(north: Identity, south: Identity) -> None:
    app = Answering()
    call(north, south, app, *[b"q"] * 5)
    assert (len(app.bodies), len(app.clients)) == (5, 1)


def test_a_refusal_is_told_with_its_reason(north: Identity, south: Identity) -> None:
    body = b'{"title":"Forbidden","status":403,"detail":"who are you?","held":7}'
    with pytest.raises(PeerError, match=r"it refused: who are you\?") as caught:
        call(north, south, Answering(403, body), b"q")
    assert caught.value.held == 7


def test_a_refusal_tells_when_to_come_again(north: Identity, south: Identity) -> None:
    body = b'{"title":"","status":429,"detail":"wait","held":7}'
    with pytest.raises(PeerError) as caught:
        call(north, south, Answering(429, body, {"Retry-After": "17"}), b"q")
    assert (caught.value.retry_after_s, caught.value.held) == (17.0, None)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (500, b"<html>", {}),
        (302, b"", {"Location": "https://elsewhere.example/"}),
        (204, b"", {}),
        (503, b"\xff\xfe", {"Retry-After": "soon"}),
        (403, b'{"title":"","status":403,"detail":"no","held":"7"}', {}),
    ],
)
def test_any_other_answer_is_a_fault_with_its_status(
    north: Identity, south: Identity, status: int, body: bytes, headers: dict[str, str]
) -> None:
    with pytest.raises(PeerError, match=f"status {status}") as caught:
        call(north, south, Answering(status, body, headers), b"q")
    assert (caught.value.held, caught.value.retry_after_s) == (None, 0.0)


@pytest.mark.parametrize(("limit", "status"), [("BUNDLE_BYTES_MAX", 200), ("PROBLEM_BYTES_MAX", 403)])
def test_an_answer_is_read_up_to_its_limit_and_not_beyond(
    north: Identity, south: Identity, monkeypatch: pytest.MonkeyPatch, limit: str, status: int
) -> None:
    monkeypatch.setattr(caller_module, limit, 6)
    if status == 200:
        assert call(north, south, Answering(status), b"q") == b"answer"
    with pytest.raises(PeerError, match="longer than 6 bytes"):
        call(north, south, Answering(status, b"answers"), b"q")


def test_a_peer_that_does_not_answer_is_given_up(
    north: Identity, south: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_: Scope, receive: Receive, _send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    monkeypatch.setattr(caller_module, "SILENCE_S_MAX", 0.05)
    with pytest.raises(PeerError, match="does not answer"):
        call(north, south, silent, b"q")


def test_an_exchange_that_takes_too_long_is_given_up(
    north: Identity, south: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dripping(_: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    monkeypatch.setattr(caller_module, "EXCHANGE_S_MAX", 0.1)
    with pytest.raises(PeerError, match=r"longer than 0\.1 s"):
        call(north, south, dripping, b"q")


def test_nobody_at_the_address_is_told(north: Identity, south: Identity) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(PeerError, match="cannot be reached"):
        asyncio.run(called(north.keys, peer(south, address), b"q")())  # type: ignore[arg-type]


# Certificates


def test_a_peer_that_shows_another_certificate_is_sent_nothing(
    north: Identity, south: Identity, east: Identity
) -> None:
    app = Answering()

    async def main() -> None:
        async with served(app, east.keys, peer(north)) as address:  # the east answers in the south's place
            await called(north.keys, peer(south, address), b"secret")()  # type: ignore[misc]

    with pytest.raises(PeerError, match=r"cannot be reached.*certificate"):
        asyncio.run(main())
    assert app.bodies == []


def test_a_caller_whose_certificate_is_not_pinned_is_not_let_in(
    north: Identity, south: Identity, east: Identity
) -> None:
    app = Answering()

    async def main() -> None:
        async with served(app, south.keys, peer(east)) as address:
            await called(north.keys, peer(south, address), b"q")()  # type: ignore[misc]

    with pytest.raises(PeerError, match="the connection broke"):
        asyncio.run(main())
    assert app.bodies == []


def test_a_caller_without_a_certificate_is_not_let_in(north: Identity, south: Identity) -> None:
    app = Answering()

    async def main() -> bytes:
        context = ssl.create_default_context(cadata=south.card().certificate)
        context.check_hostname = False
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        async with served(app, south.keys, peer(north)) as address:
            host, port = address.split(":")
            reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
            writer.write(b"POST /v1/sync HTTP/1.1\r\nHost: south\r\nContent-Length: 0\r\n\r\n")
            answer = b""
            with contextlib.suppress(OSError):  # it is cut off, with or without a reason
                answer = await reader.read()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return answer

    assert asyncio.run(main()) == b""
    assert app.bodies == []


def authority(folder: Path) -> tuple[KeyFolder, str]:
    """Make a certificate that may sign others, PEM, and one that it signed, in a folder with its key."""
    now = clock.now()
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in ("pinned", "signed")]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    certificates = [
        x509.CertificateBuilder(names[0], name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=key is keys[0], path_length=None), critical=True)
        .sign(keys[0], SHA256())
        for name, key in zip(names, keys, strict=True)
    ]
    folder.mkdir()
    child = KeyFolder(folder)
    child.tls_certificate.write_bytes(certificates[1].public_bytes(Encoding.PEM))
    child.tls_key.write_bytes(keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return child, certificates[0].public_bytes(Encoding.PEM).decode()


def test_a_certificate_that_the_pinned_one_only_signed_is_refused_before_anything_is_sent(
    north: Identity, tmp_path: Path
) -> None:
    child, pinned_pem = authority(tmp_path / "south")
    app = Answering()

    async def main() -> None:
        async with served(app, child, peer(north)) as address:
            pinned = Peer(party=PartyId("south"), certificate_pem=pinned_pem, address=address)
            await called(north.keys, pinned, b"secret")()  # type: ignore[misc]

    with pytest.raises(PeerError, match="another certificate than the one that was pinned"):
        asyncio.run(main())
    assert app.bodies == []
