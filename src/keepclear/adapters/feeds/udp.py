"""Feeds by datagrams, each a whole document, sent to this machine or to a multicast group."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from keepclear.adapters.feeds.address import FeedAddress, is_group
from keepclear.adapters.feeds.cot_out import CotOut
from keepclear.adapters.feeds.intake import BYTES_PER_TURN_MAX, Intake
from keepclear.adapters.feeds.lost import FeedLostError, reason_of

DATAGRAMS_WAITING_MAX: Final = 10_000
"""So many datagrams wait to be decoded; of more the oldest are dropped."""
DATAGRAM_BYTES_WAITING_MAX: Final = 8_000_000
"""So many bytes of datagrams wait, likewise."""
_SYSTEM_BYTES: Final = 4_000_000
"""What the system is asked to keep for us while we are busy; it may keep less."""

_Place: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
"""What `getaddrinfo` gives."""
_DROPPED: Final = "datagrams came faster than they can be decoded; the oldest were dropped"


async def read_udp(intake: Intake, out: CotOut | None) -> None:
    """Read datagrams until it is cancelled.

    Args:
        intake: Takes what comes.
        out: Sends to the group; None for nothing to send.

    Raises:
        FeedLostError: It cannot listen there.
    """
    address, loop = intake.address, asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        try:
            places = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
            bound = stack.enter_context(_bound(address, places[0]))
            sender = stack.enter_context(_sender(address)) if out is not None else None
        except (OSError, ValueError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else "the interface is no IPv4 address"
            raise FeedLostError(f"it cannot listen there: {reason}") from None
        queue = _Queue(intake, sender.getsockname()[:2] if sender is not None else None)
        transport, _ = await loop.create_datagram_endpoint(lambda: queue, sock=bound)
        stack.callback(transport.abort)
        if out is not None and sender is not None:
            stack.enter_context(out.by_datagrams(sender))
        intake.connected()
        await _decode(queue, intake)


async def _decode(queue: _Queue, intake: Intake) -> None:
    make_reader = intake.address.feed_format.make_reader
    assert make_reader is not None, "a datagram is a document"
    read = make_reader()
    while True:
        await queue.some.wait()
        taken = 0
        while taken < BYTES_PER_TURN_MAX and (data := queue.next()) is not None:
            taken += len(data) + 1
            received_ms = intake.received(len(data))
            intake.decoded(read(data, received_ms), received_ms)
        await asyncio.sleep(0)


class _Queue(asyncio.DatagramProtocol):
    """Datagrams that wait to be decoded."""

    def __init__(self, intake: Intake, own: tuple[str, int] | None) -> None:
        self.some = asyncio.Event()
        self._intake, self._own = intake, own
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if self._own is not None and addr[:2] == self._own:
            return  # a group gives back what this node sends to it
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        while len(self._waiting) > DATAGRAMS_WAITING_MAX or self._waiting_bytes > DATAGRAM_BYTES_WAITING_MAX:
            self._waiting_bytes -= len(self._waiting.popleft())
            self._intake.dropped(1, _DROPPED)
        self.some.set()

    def error_received(self, exc: Exception) -> None:
        self._intake.problem(f"datagrams: {reason_of(exc) if isinstance(exc, OSError) else exc}")

    def next(self) -> bytes | None:
        """Take out the oldest; None when none waits."""
        if not self._waiting:
            self.some.clear()
            return None
        data = self._waiting.popleft()
        self._waiting_bytes -= len(data)
        return data


@contextlib.contextmanager
def _bound(address: FeedAddress, place: _Place) -> Iterator[socket.socket]:
    """Return a socket that receives what is sent to an address of this machine, or to a group.

    Raises:
        OSError: It cannot be bound, or the group cannot be joined.
        ValueError: The interface is no IPv4 address.
    """
    family, kind, protocol, _, where = place
    with socket.socket(family, kind, protocol) as bound:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SYSTEM_BYTES)
        if is_group(address.host):
            # Others on this machine may listen to the same group.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        if is_group(address.host):
            _join(bound, address)
        yield bound


def _join(bound: socket.socket, address: FeedAddress) -> None:
    group = ipaddress.ip_address(address.host)
    if group.version == 4:
        interface = ipaddress.IPv4Address(address.options.interface or "0.0.0.0")
        bound.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group.packed + interface.packed)
    else:
        index = socket.if_nametoindex(address.options.interface) if address.options.interface else 0
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group.packed + struct.pack("@I", index))


@contextlib.contextmanager
def _sender(address: FeedAddress) -> Iterator[socket.socket]:
    """Return a socket that sends to a group, from a port of its own by which its datagrams are known."""
    group = ipaddress.ip_address(address.host)
    family = socket.AF_INET if group.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        if address.options.interface and group.version == 4:
            interface = ipaddress.IPv4Address(address.options.interface)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface.packed)
        sender.connect((address.host, address.port))
        yield sender
