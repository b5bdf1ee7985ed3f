"""Keys stay fresh, outlive an outage for a while, and nothing that a file or a server gives is a fault."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from keepclear.adapters.tokens import key_sources
from keepclear.adapters.tokens.bearer import TokenError
from keepclear.adapters.tokens.gatekeeper import Issuer
from keepclear.adapters.tokens.key_sources import KeySource, keys_of_file, keys_of_url
from keepclear.adapters.tokens.public_keys import KEY_SET_BYTES_MAX, Algorithm
from keepclear.core.errors import InvalidValueError
from tests.adapters.tokens.issuing import Shelf, bearer, jwks, keeper, minter, source_of

PATIENCE_S = 10.0


class Seconds:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class Awaited(Shelf):
    """A shelf at which reads can be awaited."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.was_read = threading.Semaphore(0)

    def read(self) -> bytes:
        try:
            return super().read()
        finally:
            self.was_read.release()


def test_keys_that_changed_are_read_and_the_same_ones_are_kept() -> None:
    shelf = Shelf(jwks(minter()))
    source = source_of(shelf)
    first = source.ring
    source.refresh()
    assert source.ring is first
    shelf.data = jwks(minter(Algorithm.ES256, 1))
    source.refresh()
    assert source.ring is not first


def test_in_an_outage_the_last_keys_stay_for_the_stated_time_and_the_fault_is_told() -> None:
    shelf, seconds = Shelf(jwks(minter())), Seconds()
    source = source_of(shelf, monotonic=seconds)
    assert source.fault is None
    for bad in (b"", b"<html>", b'{"keys":[]}'):
        shelf.data = bad
        source.refresh()
        assert source.ring is not None
    shelf.fault = InvalidValueError("", "it answers 503")
    seconds.now_s += 3_600.0
    source.refresh()
    assert source.ring is not None
    assert source.fault == "the keys of auth.pem could not be fetched for 3,600 s: it answers 503"
    seconds.now_s += 0.5
    assert source.ring is None
    assert source.fault is not None
    assert "there are none" in source.fault
    shelf.fault, shelf.data = None, jwks(minter())
    source.refresh()
    assert source.ring is not None
    assert source.fault is None


def test_waits_after_faults_grow_up_to_the_usual_one() -> None:
    shelf = Shelf(b"")
    source = KeySource("x", shelf.read, every_s=60.0, stale_max_s=1.0, random=Random(1))
    waits = []
    for _ in range(30):
        source.refresh()
        waits.append(source.wait_s())
    assert 0.5 <= waits[0] <= 1.0
    assert all(2.0**k / 2 <= wait <= 2.0**k for k, wait in enumerate(waits[:6]))
    assert all(30.0 <= wait <= 60.0 for wait in waits[6:])
    shelf.data = jwks(minter())
    source.refresh()
    assert source.wait_s() == 60.0


def test_an_unknown_key_has_them_read_at_once_but_not_too_often() -> None:
    seconds, shelf = Seconds(), Awaited(jwks(minter()))
    source = KeySource("x", shelf.read, every_s=3_600.0, stale_max_s=3_600.0, monotonic=seconds)
    gate = keeper(Issuer(name=None, keys=source))
    gate.start()
    gate.start()  # once more is no more
    assert shelf.was_read.acquire(timeout=PATIENCE_S)
    new = minter(Algorithm.ES256, 1)
    shelf.data = jwks(new)
    for _ in range(100):
        with pytest.raises(TokenError, match="try again"):
            gate.admit(bearer(by=new))
    assert not shelf.was_read.acquire(blocking=False)  # the pause is not over
    gate.close()

    seconds.now_s += key_sources.WANTED_PAUSE_S
    source = KeySource("x", shelf.read, every_s=3_600.0, stale_max_s=3_600.0, monotonic=seconds)
    source.refresh()
    seconds.now_s += key_sources.WANTED_PAUSE_S
    gate = keeper(Issuer(name=None, keys=source))
    shelf.data = jwks(minter(Algorithm.ES256, 2))
    gate.start()
    assert shelf.was_read.acquire(timeout=PATIENCE_S)
    with pytest.raises(TokenError, match="try again"):
        gate.admit(bearer(by=minter(Algorithm.ES256, 2)))
    assert shelf.was_read.acquire(timeout=PATIENCE_S)
    gate.close()
    assert shelf.read_count == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ended_by_a_fault_of_ours_is_told() -> None:
    shelf = Shelf(b"")
    shelf.fault = RuntimeError("ours")
    source = KeySource("x", shelf.read, every_s=1.0, stale_max_s=1.0)
    source.start()
    assert source._thread is not None
    source._thread.join(PATIENCE_S)
    assert source.fault == "the keys of x are no longer fetched: a fault of this program"


# -- files --------------------------------------------------------------------------------------------


def test_a_file_is_read_at_once_and_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "auth.pem"
    file.write_bytes(minter().public_pem())
    source = keys_of_file(file)
    gate = keeper(Issuer(name=None, keys=source))
    assert gate.admit(bearer()).subject == "uss1"
    file.write_bytes(minter(Algorithm.RS256).public_pem())
    source.refresh()
    assert gate.admit(bearer(by=minter(Algorithm.RS256))).subject == "uss1"
    with pytest.raises(TokenError):
        gate.admit(bearer())
    file.unlink()
    source.refresh()
    assert gate.admit(bearer(by=minter(Algorithm.RS256))).subject == "uss1"
    assert "there is no such file" in str(gate.faults)


def test_a_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path) -> None:
    private = tmp_path / "key.pem"
    private.write_bytes(minter().key.as_pem(private=True))
    huge = tmp_path / "huge.json"
    huge.write_bytes(b"{" + b" " * KEY_SET_BYTES_MAX)
    told = {
        tmp_path / "absent.pem": "get it from the issuer",
        tmp_path: "it is no file",
        tmp_path / "\0": "no such file",
        private: "openssl pkey",
        huge: "over the limit",
    }
    for file, reason in told.items():
        with pytest.raises(InvalidValueError, match=reason):
            keys_of_file(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidValueError, match="no file"):
        keys_of_file(tmp_path / "pipe")


# -- by HTTP ------------------------------------------------------------------------------------------


@contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve on loopback, and return the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
        finally:
            server.shutdown()
            thread.join()


def says(status: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.slow
def test_a_jwk_set_is_fetched_and_a_token_by_its_key_is_taken() -> None:
    with served(says(200, jwks(minter()))) as url:
        source = keys_of_url(url)
        assert source.ring is None
        assert "not fetched yet" in str(source.fault)
        source.refresh()
        assert keeper(Issuer(name=None, keys=source)).admit(bearer()).subject == "uss1"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "body", "headers", "told"),
    [
        (404, b"", {}, "answers 404"),
        (302, b"", {"Location": "https://evil.example/"}, "answers 302"),
        (200, b"x" * (KEY_SET_BYTES_MAX + 1), {}, "over the limit"),
        (200, jwks(minter()), {"Content_Encoding": "gzip"}, "packed"),
        (200, b"<html>", {}, "holds no key"),
    ],
)
def test_another_answer_is_no_fault_but_told(
    status: int, body: bytes, headers: dict[str, str], told: str
) -> None:
    with served(says(status, body, **headers)) as url:
        source = keys_of_url(url)
        source.refresh()
    assert source.ring is None
    assert told in str(source.fault)


@pytest.mark.slow
def test_a_server_that_is_silent_slow_or_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sources, "JWKS_ANSWER_S_MAX", 0.1)
    done = threading.Event()

    def dribble(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not done.wait(0.02):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    with served(dribble) as url:
        source = keys_of_url(url)
        source.refresh()
        done.set()
    assert "does not answer within 0.1 s" in str(source.fault)
    source.refresh()
    assert "cannot be reached" in str(source.fault)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://auth.example/jwks.json", "use https"),
        ("ftp://auth.example/jwks.json", "no URL"),
        ("https://", "no URL"),
        ("https://[::1/x", "no URL"),
        ("https://me:secret@auth.example/", "URLs are shown"),
    ],
)
def test_a_url_that_keys_may_not_come_from_is_refused(url: str, told: str) -> None:
    with pytest.raises(InvalidValueError, match=told) as caught:
        keys_of_url(url)
    assert "secret" not in str(caught.value)


def test_keys_may_come_without_tls_from_this_machine_only() -> None:
    for host in ("localhost", "127.0.0.1:8085", "[::1]:8085"):
        assert keys_of_url(f"http://{host}/jwks.json").ring is None
