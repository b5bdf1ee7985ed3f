"""Extents as the store has them: a list of the volumes of ASTM F3548-21's interface, in one line."""

from __future__ import annotations

from typing import Final

import msgspec

from keepclear.codec.f3548 import wire
from keepclear.codec.f3548.volumes import NO_SETTINGS, volume_of, wire_volume
from keepclear.core.errors import InvalidValueError
from keepclear.core.extents import Extent

_VOLUMES: Final = msgspec.json.Decoder(list[wire.Volume4D])


def encode_extent(extent: Extent) -> bytes:
    """Write an extent; equal extents have the same text."""
    return msgspec.json.encode([wire_volume(volume, with_corridors=True) for volume in extent.volumes])


def decode_extent(data: bytes) -> Extent:
    """Read an extent that was written here.

    Raises:
        InvalidValueError: It is none: it was damaged or edited.
    """
    try:
        volumes = _VOLUMES.decode(data)
    except msgspec.DecodeError as error:
        raise InvalidValueError("extent", str(error)) from None
    errors: list[InvalidValueError] = []
    read = [volume_of(each, f"extent[{n}]", errors, set(), NO_SETTINGS) for n, each in enumerate(volumes)]
    if errors:
        raise errors[0]
    return Extent(tuple(volume for volume in read if volume is not None))
