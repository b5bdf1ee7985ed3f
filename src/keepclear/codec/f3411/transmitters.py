"""Puts the broadcast messages of each transmitter together: who it is, and where it is.

A drone tells its id and its position in separate messages, by some radios seconds apart. A position that
comes before any id waits for it, `ID_WAIT_MS` at most; then it goes under the address of the transmitter.
Otherwise each drone would be two tracks for a while, near to each other.

The address of a transmitter may be drawn at random and change. Whoever receives the radio tells it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final

from keepclear.codec.decoding import AIRCRAFT_MAX, Decoded, Faults
from keepclear.codec.f3411.accuracies import HORIZONTAL_M, VERTICAL_M, of_group_m
from keepclear.codec.f3411.broadcast import (
    BasicId,
    Group,
    IdType,
    Location,
    Message,
    Status,
    decode_message,
    split_pack,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.units import m_to_feet

ID_WAIT_MS: Final = 5_000
"""So long a position waits for an id; the standard has an id sent at least every 3 s."""
FORGET_MS: Final = 60_000
"""What a transmitter said is forgotten when nothing was heard of it for so long."""

_HOUR_MS: Final = 3_600_000
_OBSTACLE: Final = 14
_IDS: Final = ((IdType.SERIAL_NUMBER, "rid:"), (IdType.UTM, "rid-flight:"), (IdType.SESSION, "rid-session:"))
"""What makes an id, the best first. A registration may stand for several aircraft, and makes none."""


class _Transmitter:
    """What one transmitter said."""

    __slots__ = ("address", "group", "heard_ms", "ids", "is_obstacle", "since_ms", "waiting")

    def __init__(self, address: str, now_ms: int) -> None:
        self.address = address
        self.since_ms = self.heard_ms = now_ms
        self.ids: dict[int, str] = {}
        self.is_obstacle = False
        self.group = Group()
        self.waiting: Report | None = None

    def known_id(self, now_ms: int) -> str | None:
        """Return the id of its reports; None while there is hope of a better one than its address."""
        for id_type, prefix in _IDS:
            if id_type in self.ids:
                return prefix + self.ids[id_type]
        if now_ms - self.since_ms >= ID_WAIT_MS:
            return f"rid-mac:{self.address}"
        return None


class BroadcastDecoder:
    """Makes reports of the messages of all transmitters heard at one receiver."""

    def __init__(self) -> None:
        self._by_address: OrderedDict[str, _Transmitter] = OrderedDict()

    def __len__(self) -> int:
        """Return how many transmitters are remembered."""
        return len(self._by_address)

    def take(self, address: str, data: bytes, received_ms: int) -> Decoded:
        """Take a message or a pack.

        Args:
            address: That of the transmitter.
            data: The message, or the pack.
            received_ms: When it was received, milliseconds since 1970.

        Returns:
            A report, if a position and an id are known now; and what was not understood.
        """
        faults = Faults()
        messages: list[Message] = []
        try:
            parts = split_pack(data)
        except InvalidValueError as error:
            faults.add(error.reason, data.hex())
            parts = []
        for part in parts:
            try:
                message = decode_message(part)
            except InvalidValueError as error:
                faults.add(f"{error.field or 'a message'}: {error.reason}", part.hex())
            else:
                if message is not None:
                    messages.append(message)
        if not messages:
            return Decoded([], faults.malformed())
        transmitter = self._hear(address, received_ms)
        # In a pack the position may stand before the id.
        for message in sorted(messages, key=lambda each: isinstance(each, Location)):
            _note(transmitter, message, received_ms, faults)
        return Decoded(_released(transmitter, received_ms), faults.malformed())

    def _hear(self, address: str, now_ms: int) -> _Transmitter:
        by_address = self._by_address
        transmitter = by_address.get(address)
        if transmitter is None or now_ms - transmitter.heard_ms > FORGET_MS:
            transmitter = by_address[address] = _Transmitter(address, now_ms)
        transmitter.heard_ms = now_ms
        by_address.move_to_end(address)
        oldest = next(iter(by_address.values()))
        while now_ms - oldest.heard_ms > FORGET_MS or len(by_address) > AIRCRAFT_MAX:
            del by_address[oldest.address]
            oldest = next(iter(by_address.values()))
        return transmitter


def _note(transmitter: _Transmitter, message: Message, received_ms: int, faults: Faults) -> None:
    if isinstance(message, Group):
        transmitter.group = message
    elif isinstance(message, BasicId):
        transmitter.is_obstacle = message.aircraft_type == _OBSTACLE
        if message.id:
            transmitter.ids[message.id_type] = message.id
    elif math.isnan(message.latitude_deg):
        faults.add("a drone does not know where it is", transmitter.address)
    else:
        if transmitter.group.count > 1:
            faults.add("one position stands for several aircraft", transmitter.address)
        transmitter.waiting = _report_of(message, transmitter, received_ms)


def _released(transmitter: _Transmitter, received_ms: int) -> list[Report]:
    """Return the report that waits, if its id is known."""
    aircraft_id, waiting = transmitter.known_id(received_ms), transmitter.waiting
    if waiting is None or aircraft_id is None:
        return []
    transmitter.waiting = None
    kind = TrackKind.UNKNOWN if transmitter.is_obstacle else TrackKind.DRONE
    return [waiting._replace(id=aircraft_id, kind=kind)]


def _report_of(location: Location, transmitter: _Transmitter, received_ms: int) -> Report:
    """Return a report without an id."""
    group = transmitter.group
    is_group = group.count > 1
    told_m = [
        VERTICAL_M.get(code, math.nan)
        for altitude_m, code in (
            (location.altitude_m, location.vertical_code),
            (location.pressure_altitude_m, location.pressure_code),
        )
        if not math.isnan(altitude_m)
    ]
    beyond_m = max(group.ceiling_m - location.altitude_m, location.altitude_m - group.floor_m)
    if is_group and not math.isnan(beyond_m):
        told_m.append(max(0.0, beyond_m))
    return Report(
        id="",
        at_ms=_at_ms(location.tenths, received_ms),
        latitude_deg=location.latitude_deg,
        longitude_deg=location.longitude_deg,
        altitude_m=location.altitude_m,
        pressure_altitude_ft=m_to_feet(location.pressure_altitude_m),
        ground_speed_mps=location.ground_speed_mps,
        track_deg=location.track_deg,
        vertical_rate_mps=location.vertical_rate_mps,
        horizontal_error_m=of_group_m(
            HORIZONTAL_M.get(location.horizontal_code, math.nan), group.radius_m if is_group else 0.0
        ),
        vertical_error_m=max((told for told in told_m if not math.isnan(told)), default=math.nan),
        on_ground=location.status == Status.GROUND,
    )


def _at_ms(tenths: int | None, received_ms: int) -> int:
    """Return the instant next to the reception that is so long after a full hour; that itself if unknown."""
    if tenths is None:
        return received_ms
    behind_ms = (received_ms - tenths * 100) % _HOUR_MS
    return received_ms - behind_ms + (_HOUR_MS if behind_ms > _HOUR_MS // 2 else 0)
