"""Sending requests to one peer, over a connection that is kept, and only if it shows what was pinned."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

import httpx2
import msgspec

from keepclear.adapters.federation.exchange import MEDIA_TYPE, PATH
from keepclear.adapters.federation.links import Peer
from keepclear.adapters.federation.listener import ProblemBody
from keepclear.adapters.federation.server import IDLE_S
from keepclear.adapters.federation.tls import fingerprint_of, pin_of
from keepclear.codec.bundle import BUNDLE_BYTES_MAX
from keepclear.core.errors import KeepclearError

CONNECT_S_MAX: Final = 5.0
"""So long it may take to connect."""
SILENCE_S_MAX: Final = 10.0
"""So long a peer may neither send nor take anything in the middle of an exchange."""
EXCHANGE_S_MAX: Final = 300.0
"""So long an exchange may take."""
KEPT_S: Final = IDLE_S / 2.0
"""So long a connection is kept: it ends here before the peer ends it, in the middle of a request maybe."""
PROBLEM_BYTES_MAX: Final = 65_536
"""A longer reason of a refusal is not read."""

_CHUNK_BYTES: Final = 65_536


class PeerError(KeepclearError):
    """A peer could not be reached, or did not answer as it should. Trying again later may help.

    Attributes:
        held: How many entries of this node's log it holds, where it refused for want of the rest.
        retry_after_s: When to try again at the earliest, if it said so.
    """

    def __init__(self, reason: str, *, held: int | None = None, retry_after_s: float = 0.0) -> None:
        self.held, self.retry_after_s = held, retry_after_s
        super().__init__(reason)


class Caller:
    """Sends requests to one peer over connections that are kept, and looks whose certificate it shows.

    Args:
        peer: Which; it has an address.
        context: The TLS context for it.

    Raises:
        InvalidValueError: What was pinned is no certificate.
    """

    def __init__(self, peer: Peer, context: ssl.SSLContext) -> None:
        self._pin, self._url = pin_of(peer), f"https://{peer.address}{PATH}"
        self._client = httpx2.AsyncClient(
            verify=context,
            trust_env=False,
            timeout=httpx2.Timeout(SILENCE_S_MAX, connect=CONNECT_S_MAX),
            limits=httpx2.Limits(max_connections=1, keepalive_expiry=KEPT_S),
            headers={"Content-Type": MEDIA_TYPE},
        )

    async def call(self, body: bytes) -> bytes:
        """Send a request and return the answer.

        Raises:
            PeerError: There is none, or it is a refusal.
        """
        try:
            async with (
                asyncio.timeout(EXCHANGE_S_MAX),
                self._client.stream(
                    "POST",
                    self._url,
                    content=_chunks(body),
                    headers={"Content-Length": str(len(body))},
                    extensions={"trace": self._look},
                ) as response,
            ):
                if response.status_code == HTTPStatus.OK:
                    return await _read(response, BUNDLE_BYTES_MAX)
                raise _refusal(response, await _read(response, PROBLEM_BYTES_MAX))
        except TimeoutError:
            raise PeerError(f"the exchange took longer than {EXCHANGE_S_MAX:g} s") from None
        except httpx2.TimeoutException as error:
            raise PeerError(f"it does not answer ({type(error).__name__})") from error
        except httpx2.ConnectError as error:
            raise PeerError(f"it cannot be reached: {error}") from error
        except httpx2.HTTPError as error:
            reason = f"the connection broke ({str(error) or type(error).__name__})"
            raise PeerError(f"{reason}; has it pinned the certificate of this node?") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _look(self, event: str, info: dict[str, Any]) -> None:
        """Refuse another certificate than the one that was pinned, before anything is sent.

        The context alone would also let in what was signed with its key.
        """
        if event != "connection.start_tls.complete":
            return
        stream = info["return_value"]
        certificate = stream.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if fingerprint_of(certificate) != self._pin:
            await stream.aclose()
            raise PeerError("it shows another certificate than the one that was pinned")


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    """Cut a body up, so that a slow link only has to take the next piece in time."""
    for start in range(0, len(body), _CHUNK_BYTES):
        yield body[start : start + _CHUNK_BYTES]


async def _read(response: httpx2.Response, bytes_max: int) -> bytes:
    """Read an answer to its end.

    Raises:
        PeerError: It is longer than it may be.
    """
    parts, count = [], 0
    async for part in response.aiter_raw():
        count += len(part)
        if count > bytes_max:
            raise PeerError(f"its answer is longer than {bytes_max} bytes")
        parts.append(part)
    return b"".join(parts)


def _refusal(response: httpx2.Response, data: bytes) -> PeerError:
    status, told = response.status_code, response.headers.get("Retry-After", "")
    retry_after_s = float(told) if told.isascii() and told.isdigit() else 0.0
    try:
        problem = msgspec.json.decode(data, type=ProblemBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return PeerError(f"it answered with the status {status}", retry_after_s=retry_after_s)
    held = problem.held if status == HTTPStatus.FORBIDDEN else None
    return PeerError(f"it refused: {problem.detail}", held=held, retry_after_s=retry_after_s)
