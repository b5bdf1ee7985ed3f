"""Writes messages of broadcast remote identification, for tests and simulators; see `broadcast`.

Source:
    ASTM F3411-22a, 5.4.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from keepclear.codec.f3411.accuracies import (
    ALTITUDE_UNKNOWN_M,
    RATE_UNKNOWN_MPS,
    SPEED_UNKNOWN_MPS,
    TRACK_UNKNOWN_DEG,
)
from keepclear.codec.f3411.broadcast import (
    ALTITUDE_STEP_M,
    BASIC_ID_LAYOUT,
    DEGREE_STEPS,
    FAST_FROM_MPS,
    FAST_STEP_MPS,
    LOCATION_LAYOUT,
    MESSAGE_BYTES,
    RADIUS_STEP_M,
    RATE_STEP_MPS,
    SLOW_STEP_MPS,
    SYSTEM_LAYOUT,
    TIME_UNKNOWN,
    BasicId,
    Group,
    IdType,
    Message,
    MessageType,
    split_pack,
)
from keepclear.core.errors import InvalidValueError

_VERSION: Final = 2
_ID_BYTES: Final = 20


def encode_message(message: Message) -> bytes:
    """Write one message.

    Args:
        message: What it says.

    Returns:
        Its 25 bytes.
    """
    if isinstance(message, BasicId):
        return _written_basic_id(message)
    if isinstance(message, Group):
        return SYSTEM_LAYOUT.pack(
            MessageType.SYSTEM << 4 | _VERSION,
            0,
            message.count,
            round(message.radius_m / RADIUS_STEP_M),
            _steps(message.ceiling_m),
            _steps(message.floor_m),
            0,
            0,
            0,
        )
    speed_mps = SPEED_UNKNOWN_MPS if math.isnan(message.ground_speed_mps) else message.ground_speed_mps
    is_fast = speed_mps > FAST_FROM_MPS
    over_mps = speed_mps - FAST_FROM_MPS if is_fast else speed_mps
    direction = round(TRACK_UNKNOWN_DEG if math.isnan(message.track_deg) else message.track_deg % 360.0)
    direction = 0 if direction == 360 else direction
    is_west = direction >= 180
    rate_mps = RATE_UNKNOWN_MPS if math.isnan(message.vertical_rate_mps) else message.vertical_rate_mps
    return LOCATION_LAYOUT.pack(
        MessageType.LOCATION << 4 | _VERSION,
        message.status << 4 | message.is_height_above_ground << 2 | is_west << 1 | is_fast,
        direction - 180 if is_west else direction,
        round(over_mps / (FAST_STEP_MPS if is_fast else SLOW_STEP_MPS)),
        round(rate_mps / RATE_STEP_MPS),
        0 if math.isnan(message.latitude_deg) else round(message.latitude_deg * DEGREE_STEPS),
        0 if math.isnan(message.longitude_deg) else round(message.longitude_deg * DEGREE_STEPS),
        _steps(message.pressure_altitude_m),
        _steps(message.altitude_m),
        _steps(message.height_m),
        message.vertical_code << 4 | message.horizontal_code,
        message.pressure_code << 4,
        TIME_UNKNOWN if message.tenths is None else message.tenths,
        0,
    )


def _written_basic_id(message: BasicId) -> bytes:
    if message.id_type == IdType.UTM:
        field = UUID(message.id).bytes if message.id else b""
    elif message.id_type == IdType.SESSION:
        field = bytes.fromhex(message.id)
    else:
        field = message.id.encode("ascii")
    if len(field) > _ID_BYTES:
        raise InvalidValueError("id", f"it is longer than {_ID_BYTES} characters")
    types = message.id_type << 4 | message.aircraft_type
    return BASIC_ID_LAYOUT.pack(MessageType.BASIC_ID << 4 | _VERSION, types, field)


def _steps(altitude_m: float) -> int:
    return 0 if math.isnan(altitude_m) else round((altitude_m - ALTITUDE_UNKNOWN_M) / ALTITUDE_STEP_M)


def encode_pack(messages: Sequence[bytes]) -> bytes:
    """Put messages into a pack.

    Args:
        messages: 1 to `PACK_MESSAGES_MAX` of them.

    Raises:
        InvalidValueError: There are none or too many, or one has not 25 bytes or is a pack.
    """
    pack = bytes([MessageType.PACK << 4 | _VERSION, MESSAGE_BYTES, len(messages) & 0xFF]) + b"".join(messages)
    split_pack(pack)
    return pack
