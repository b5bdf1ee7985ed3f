"""Broadcast remote identification: messages of 25 bytes, alone or several in a pack.

Read are who it is (Basic ID), where it is (Location) and, of the System message, how large a group it speaks
for. Where its operator stands and who that is, is **not read**: nobody has to keep clear of a person on the
ground, and it could endanger them. Authentication and the operator's free text are left aside, too.

Messages are written in `broadcast_writing`.

Source:
    ASTM F3411-22a, 5.4.5: message header, Tables 5 to 13; F3411-19 and ASD-STAN prEN 4709-002 are alike in
    what is read. All numbers of several bytes are little-endian.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from uuid import UUID

from keepclear.codec.f3411.accuracies import (
    ALTITUDE_UNKNOWN_M,
    RATE_MOST_MPS,
    SPEED_MOST_MPS,
    altitude_m_of,
    speed_mps_of,
)
from keepclear.core.errors import InvalidValueError

MESSAGE_BYTES: Final = 25
"""Each message has so many."""
PACK_MESSAGES_MAX: Final = 9
"""A pack holds no more messages."""
TENTHS_MAX: Final = 36_000
"""Tenths of a second after the full hour: a whole hour."""

TIME_UNKNOWN: Final = 0xFFFF
"""Tenths of a second that are not known."""
DEGREE_STEPS: Final = 1e7
"""Steps of a latitude or longitude in a degree."""
SLOW_STEP_MPS: Final = 0.25
"""The step of a speed of a byte up to 63.75 m/s."""
FAST_STEP_MPS: Final = 0.75
"""The step of what a faster one has above."""
FAST_FROM_MPS: Final = 255 * SLOW_STEP_MPS
"""From here on a speed is told in the larger steps."""
RATE_STEP_MPS: Final = 0.5
"""The step of a vertical speed."""
ALTITUDE_STEP_M: Final = 0.5
"""The step of an altitude above -1,000 m."""
RADIUS_STEP_M: Final = 10.0
"""The step of a radius."""
BASIC_ID_LAYOUT: Final = struct.Struct("<BB20s3x")
"""Header, types of the id and of the aircraft, id."""
LOCATION_LAYOUT: Final = struct.Struct("<BBBBbiiHHHBBHBx")
"""Header, flags, direction, speed, vertical speed, latitude, longitude, pressure altitude, altitude, height,
two bytes of accuracies, time, accuracy of the time."""
SYSTEM_LAYOUT: Final = struct.Struct("<BB8xHBHHBHIx")
"""Header, flags, where the operator is (left out), count, radius, ceiling, floor, class, the operator's
altitude, time."""


class MessageType(IntEnum):
    """What a message tells."""

    BASIC_ID = 0
    LOCATION = 1
    AUTHENTICATION = 2
    SELF_ID = 3
    SYSTEM = 4
    OPERATOR_ID = 5
    PACK = 15


class IdType(IntEnum):
    """What kind of id a Basic ID is."""

    NONE = 0
    SERIAL_NUMBER = 1
    """Of the aircraft, by its maker (ANSI/CTA-2063-A)."""
    REGISTRATION = 2
    """By an authority; one may stand for several aircraft of an owner."""
    UTM = 3
    """A UUID of the flight, by its provider."""
    SESSION = 4
    """Another id of the flight."""


class Status(IntEnum):
    """How an aircraft says that it is."""

    UNDECLARED = 0
    GROUND = 1
    AIRBORNE = 2
    EMERGENCY = 3
    SYSTEM_FAILURE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicId:
    """Who it is.

    Attributes:
        id_type: What kind of id it is, 0 to 15; see `IdType`.
        aircraft_type: What it is, 0 to 15; 14 is an obstacle.
        id: At most 20 ASCII characters; a UTM id as a UUID, a session id as 40 hexadecimal digits.

    Raises:
        InvalidValueError: A value is out of its range.
    """

    id_type: int
    aircraft_type: int
    id: str

    def __post_init__(self) -> None:
        _check_range("id_type", self.id_type, 0, 15)
        _check_range("aircraft_type", self.aircraft_type, 0, 15)
        if not (self.id.isascii() and (self.id.isprintable() or not self.id)):
            raise InvalidValueError("id", "it is not of printable ASCII characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where it is and how it moves; NaN is what is not known.

    Attributes:
        status: How it says that it is, 0 to 15; see `Status`.
        latitude_deg: Where, degrees; both NaN where it does not know it.
        longitude_deg: Where, degrees.
        pressure_altitude_m: Pressure altitude (1013.25 hPa), metres.
        altitude_m: Height above the WGS84 ellipsoid.
        height_m: Height above the place of take-off, or above ground.
        is_height_above_ground: Which of them.
        ground_speed_mps: Speed over the ground; 254.25 stands for all that is faster.
        track_deg: Direction of motion from true north, 0..360.
        vertical_rate_mps: Up when positive; 62 stands for all that is faster.
        horizontal_code: Its accuracy, 0 to 15; see `accuracies.HORIZONTAL_M`.
        vertical_code: That of its altitude; see `accuracies.VERTICAL_M`.
        pressure_code: That of its pressure altitude, alike.
        tenths: When, tenths of a second after the full hour, 0 to 36,000; None where not known.

    Raises:
        InvalidValueError: A value is out of its range.
    """

    status: int = Status.UNDECLARED
    latitude_deg: float = math.nan
    longitude_deg: float = math.nan
    pressure_altitude_m: float = math.nan
    altitude_m: float = math.nan
    height_m: float = math.nan
    is_height_above_ground: bool = False
    ground_speed_mps: float = math.nan
    track_deg: float = math.nan
    vertical_rate_mps: float = math.nan
    horizontal_code: int = 0
    vertical_code: int = 0
    pressure_code: int = 0
    tenths: int | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("status", self.status),
            ("horizontal_code", self.horizontal_code),
            ("vertical_code", self.vertical_code),
            ("pressure_code", self.pressure_code),
        ):
            _check_range(name, value, 0, 15)
        _check_range("latitude_deg", self.latitude_deg, -90.0, 90.0)
        _check_range("longitude_deg", self.longitude_deg, -180.0, 180.0)
        _check_range("ground_speed_mps", self.ground_speed_mps, 0.0, SPEED_MOST_MPS)
        _check_range("track_deg", self.track_deg, 0.0, 360.0)
        _check_range("vertical_rate_mps", self.vertical_rate_mps, -RATE_MOST_MPS, RATE_MOST_MPS)
        for name, altitude_m in (
            ("pressure_altitude_m", self.pressure_altitude_m),
            ("altitude_m", self.altitude_m),
            ("height_m", self.height_m),
        ):
            _check_range(name, altitude_m, ALTITUDE_UNKNOWN_M, 31_767.5)
        _check_range("tenths", self.tenths or 0, 0, TENTHS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How large a group it speaks for: what is read of a System message.

    Attributes:
        count: How many aircraft.
        radius_m: How far they may be from the position, in steps of 10 m.
        ceiling_m: How high they may be above the WGS84 ellipsoid; NaN where not told.
        floor_m: How low.

    Raises:
        InvalidValueError: A value is out of its range.
    """

    count: int = 1
    radius_m: float = 0.0
    ceiling_m: float = math.nan
    floor_m: float = math.nan

    def __post_init__(self) -> None:
        _check_range("count", self.count, 0, 65_535)
        _check_range("radius_m", self.radius_m, 0.0, 2_550.0)
        _check_range("ceiling_m", self.ceiling_m, ALTITUDE_UNKNOWN_M, 31_767.5)
        _check_range("floor_m", self.floor_m, ALTITUDE_UNKNOWN_M, 31_767.5)


Message = BasicId | Location | Group


def _check_range(name: str, value: float, least: float, greatest: float) -> None:
    if value < least or value > greatest:  # NaN is neither
        raise InvalidValueError(name, f"it is not within {least:g}..{greatest:g}")


def split_pack(data: bytes) -> list[bytes]:
    """Return the messages of a pack; a message by itself as the only one.

    Args:
        data: A message or a pack.

    Returns:
        Messages of 25 bytes, none of them a pack.

    Raises:
        InvalidValueError: It has not the length that it should have, or holds a pack.
    """
    if not data or data[0] >> 4 != MessageType.PACK:
        messages = [data]
    elif len(data) < 3 or data[1] != MESSAGE_BYTES or not 0 < data[2] <= PACK_MESSAGES_MAX:
        raise InvalidValueError("", "a pack tells no size, or too many messages")
    else:
        messages = [data[3 + at : 3 + at + MESSAGE_BYTES] for at in range(0, len(data) - 3, MESSAGE_BYTES)]
        if len(messages) != data[2]:
            raise InvalidValueError("", "a pack is shorter or longer than it says")
    if any(len(message) != MESSAGE_BYTES for message in messages):
        raise InvalidValueError("", f"a message has not {MESSAGE_BYTES} bytes")
    if any(message[0] >> 4 == MessageType.PACK for message in messages):
        raise InvalidValueError("", "there is a pack in a pack")
    return messages


def decode_message(message: bytes) -> Message | None:
    """Read one message.

    Args:
        message: Its 25 bytes.

    Returns:
        What it says; None if it is of a type that is left aside.

    Raises:
        InvalidValueError: It has no type that is known, or a value is out of its range.
    """
    message_type = message[0] >> 4
    if message_type == MessageType.BASIC_ID:
        return _basic_id_of(message)
    if message_type == MessageType.LOCATION:
        return _location_of(message)
    if message_type == MessageType.SYSTEM:
        _, _, count, radius, ceiling, floor, _, _, _ = SYSTEM_LAYOUT.unpack(message)
        return Group(
            count=count,
            radius_m=radius * RADIUS_STEP_M,
            ceiling_m=_altitude_m(ceiling),
            floor_m=_altitude_m(floor),
        )
    if message_type not in tuple(MessageType):
        raise InvalidValueError("", "there is no such type of message")
    return None


def _basic_id_of(message: bytes) -> BasicId:
    _, types, field = BASIC_ID_LAYOUT.unpack(message)
    id_type = types >> 4
    if id_type == IdType.UTM:
        text = str(UUID(bytes=field[:16])) if any(field[:16]) else ""
    elif id_type == IdType.SESSION:
        text = field.hex() if any(field) else ""
    else:
        text = field.rstrip(b"\0").decode("latin-1").strip()
    return BasicId(id_type=id_type, aircraft_type=types & 0x0F, id=text)


def _location_of(message: bytes) -> Location:
    (
        _, flags, direction, speed, rate, latitude, longitude,
        pressure, altitude, height, accuracies, others, tenths, _,
    ) = LOCATION_LAYOUT.unpack(message)  # fmt: skip
    is_fast, is_west, is_above_ground = flags & 1, flags >> 1 & 1, flags >> 2 & 1
    speed_mps = speed * FAST_STEP_MPS + FAST_FROM_MPS if is_fast else speed * SLOW_STEP_MPS
    direction_deg = direction + (180.0 if is_west else 0.0)
    rate_mps = rate * RATE_STEP_MPS
    is_known = latitude != 0 or longitude != 0
    return Location(
        status=flags >> 4,
        latitude_deg=latitude / DEGREE_STEPS if is_known else math.nan,
        longitude_deg=longitude / DEGREE_STEPS if is_known else math.nan,
        pressure_altitude_m=_altitude_m(pressure),
        altitude_m=_altitude_m(altitude),
        height_m=_altitude_m(height),
        is_height_above_ground=bool(is_above_ground),
        ground_speed_mps=speed_mps_of(speed_mps),
        track_deg=direction_deg if direction_deg <= 360.0 else math.nan,
        vertical_rate_mps=rate_mps if abs(rate_mps) <= RATE_MOST_MPS else math.nan,
        horizontal_code=accuracies & 0x0F,
        vertical_code=accuracies >> 4,
        pressure_code=others >> 4,
        tenths=None if tenths == TIME_UNKNOWN else tenths,
    )


def _altitude_m(steps: int) -> float:
    return altitude_m_of(steps * ALTITUDE_STEP_M + ALTITUDE_UNKNOWN_M)
