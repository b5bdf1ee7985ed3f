"""Where the keys of an issuer come from, and how they stay fresh: a file that is re-read, or a URL.

Each source has a thread of its own, so that no request waits for a disk or a network. While keys cannot be
had, the last good ones stay for a stated time and `fault` says so; after that there are none, and no token is
taken by them. Nothing that a file or a server gives ends the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import urlsplit

import httpx2

from keepclear.adapters.loopback import is_loopback
from keepclear.adapters.tokens.public_keys import KEY_SET_BYTES_MAX, KeyRing, read_keys
from keepclear.core.errors import InvalidValueError

JWKS_EVERY_S: Final = 60.0
"""So often keys are fetched from a URL; no wait after a fault is longer, either."""
JWKS_STALE_MAX_S: Final = 86_400.0
"""So long the last keys of a URL are good while no others can be fetched: a day."""
JWKS_ANSWER_S_MAX: Final = 10.0
"""So long an answer with keys may take in all."""
KEY_FILE_EVERY_S: Final = 1.0
"""So often a file with keys is looked at."""
KEY_FILE_STALE_MAX_S: Final = 60.0
"""So long the last keys of a file are good while it cannot be read: it may be being replaced."""
RETRY_FIRST_S: Final = 1.0
"""The wait after the first fault; each further one is twice as long."""
WANTED_PAUSE_S: Final = 5.0
"""Keys that are not known are looked for at once, but no sooner than this after the last time."""

_DOUBLINGS_MAX: Final = 16


class KeySource:
    """Keys that are read again and again, in a thread.

    Args:
        name: Where they come from, for people.
        read: Reads them; called in the thread.
        every_s: How often.
        stale_max_s: How long the last good ones stay.
        monotonic: The clock, seconds.
        random: Chance, so that services do not ask in step.

    Attributes:
        name: As given.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], bytes],
        *,
        every_s: float,
        stale_max_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self.name = name
        self._read = read
        self._every_s = every_s
        self._stale_max_s = stale_max_s
        self._monotonic = monotonic
        self._random = Random() if random is None else random
        self._ring: KeyRing | None = None
        self._data: bytes | None = None
        self._good_s = self._tried_s = -float("inf")
        self._fault: str | None = "they were not fetched yet"
        self._failure_count = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def ring(self) -> KeyRing | None:
        """The keys; None while there are none that are fresh enough."""
        return self._ring if self._monotonic() - self._good_s <= self._stale_max_s else None

    @property
    def fault(self) -> str | None:
        """What is wrong with it now, as a sentence; None for nothing."""
        if self._thread is not None and not (self._thread.is_alive() or self._closing.is_set()):
            return f"the keys of {self.name} are no longer fetched: a fault of this program"
        if self._fault is None:
            return None
        age_s = self._monotonic() - self._good_s
        if age_s > self._stale_max_s:
            return f"the keys of {self.name} could not be fetched, and there are none: {self._fault}"
        return f"the keys of {self.name} could not be fetched for {age_s:,.0f} s: {self._fault}"

    def load(self) -> None:
        """Read the keys now.

        Raises:
            InvalidValueError: That cannot be done; the keys stay as they were.
        """
        self._tried_s = self._monotonic()
        data = self._read()
        if data != self._data:  # the same once more need not be read once more
            self._ring = read_keys(data)
            self._data = data
        self._good_s = self._monotonic()
        self._fault = None
        self._failure_count = 0

    def refresh(self) -> None:
        """Read the keys now. What goes wrong is told by `fault`."""
        try:
            self.load()
        except InvalidValueError as error:
            self._fault = str(error)
            self._failure_count += 1

    def want(self) -> None:
        """Say that a key is not among them: they are read again at once, though not too often."""
        self._wake.set()

    def start(self) -> None:
        """Begin to keep them fresh."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"keys of {self.name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop; what is being read is not waited for."""
        self._closing.set()
        self._wake.set()

    def wait_s(self) -> float:
        """Return how long to wait until they are read again, if nobody wants them before."""
        if not self._failure_count:
            return self._every_s
        longest_s = RETRY_FIRST_S * 2.0 ** min(self._failure_count - 1, _DOUBLINGS_MAX)
        return min(self._every_s, longest_s) * (0.5 + 0.5 * self._random.random())

    def _run(self) -> None:
        if self._ring is None:
            self.refresh()
        while not self._closing.is_set():
            if self._wake.wait(self.wait_s()):
                self._closing.wait(max(0.0, self._tried_s + WANTED_PAUSE_S - self._monotonic()))
                self._wake.clear()
            if not self._closing.is_set():
                self.refresh()


def keys_of_file(path: Path) -> KeySource:
    """Return the keys in a file, PEM or a JWK set; it is read once at once.

    Raises:
        InvalidValueError: It cannot be read, or holds no public key, or others besides.
    """
    source = KeySource(
        str(path),
        lambda: _read_file(path),
        every_s=KEY_FILE_EVERY_S,
        stale_max_s=KEY_FILE_STALE_MAX_S,
    )
    source.load()
    return source


def keys_of_url(url: str) -> KeySource:
    """Return the keys at a URL; nothing is fetched until it is started.

    Raises:
        InvalidValueError: It is no URL that keys may come from.
    """
    _check_url(url)
    return KeySource(url, lambda: _fetched(url), every_s=JWKS_EVERY_S, stale_max_s=JWKS_STALE_MAX_S)


def _read_file(path: Path) -> bytes:
    try:
        if not path.is_file():
            reason = "it is no file" if path.exists() else "there is no such file; get it from the issuer"
            raise InvalidValueError("", reason)
        with path.open("rb") as file:
            return file.read(KEY_SET_BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # a NUL in the name
        reason = f"it cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidValueError("", reason) from error


# -- by HTTP ------------------------------------------------------------------------------------------


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise InvalidValueError("", "it is no URL of a JWK set; write https://auth.example/jwks.json")
    if parts.username is not None or parts.password is not None:
        raise InvalidValueError("", "a URL with a name or password in it is not taken: URLs are shown")
    if parts.scheme == "http" and not is_loopback(host):
        reason = "keys that come without TLS can be changed on the way; use https, or fetch it into a file"
        raise InvalidValueError("", reason)


def _fetched(url: str) -> bytes:
    """Fetch a document.

    Raises:
        InvalidValueError: There is no answer in time, or another one.
    """
    try:
        return asyncio.run(_answer(url))
    except (TimeoutError, httpx2.TimeoutException):
        raise InvalidValueError("", f"it does not answer within {JWKS_ANSWER_S_MAX:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, UnicodeError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise InvalidValueError("", "its certificate is not trusted by this machine") from None
        raise InvalidValueError("", f"it cannot be reached: {error or type(error).__name__}") from None


async def _answer(url: str) -> bytes:
    headers = {"User-Agent": "keepclear", "Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        asyncio.timeout(JWKS_ANSWER_S_MAX),
        httpx2.AsyncClient(headers=headers, timeout=JWKS_ANSWER_S_MAX, trust_env=False) as client,
    ):
        response = await client.send(client.build_request("GET", url), stream=True)
        async with contextlib.aclosing(response):
            if response.status_code != 200:
                raise InvalidValueError("", f"it answers {response.status_code}; redirects are not followed")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise InvalidValueError("", "it is packed, though that was not asked for")
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > KEY_SET_BYTES_MAX:
                    raise InvalidValueError("", f"it is over the limit of {KEY_SET_BYTES_MAX:,} bytes")
            return bytes(body)
