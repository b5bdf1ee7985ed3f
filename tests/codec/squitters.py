"""Extended squitters with known contents, made by the formulas of the standard."""

from __future__ import annotations

import math

from keepclear.codec.mode_s import parity_rest


def squitter(address: str, message: int, first: int = 0x8D) -> bytes:
    """Return a frame: format and capability (17 and 5 unless told), address, 56 bits, parity."""
    frame = bytes([first]) + bytes.fromhex(address) + message.to_bytes(7, "big")
    return frame + parity_rest(frame + bytes(3)).to_bytes(3, "big")


def airborne(
    address: str, lat: float, lng: float, altitude_ft: int, *, odd: bool, first: int = 0x8D
) -> bytes:
    """Return a frame with a position in flight (type code 11) and a pressure altitude in steps of 25 ft."""
    steps = (altitude_ft + 1000) // 25
    altitude = (steps >> 4) << 5 | 0x10 | steps & 0xF
    y, x = _cpr(lat, lng, odd=odd, zones_deg=360.0)
    return squitter(address, 11 << 51 | altitude << 36 | int(odd) << 34 | y << 17 | x, first)


def by_satellite(address: str, lat: float, lng: float, height_m: int, *, odd: bool) -> bytes:
    """Return a frame with a position in flight and a height above the ellipsoid (type code 20)."""
    y, x = _cpr(lat, lng, odd=odd, zones_deg=360.0)
    return squitter(address, 20 << 51 | height_m << 36 | int(odd) << 34 | y << 17 | x)


def on_ground(address: str, lat: float, lng: float, *, odd: bool) -> bytes:
    """Return a frame with a position on the ground (type code 7), at 15 kt eastwards."""
    y, x = _cpr(lat, lng, odd=odd, zones_deg=90.0)
    moving = 39 << 44 | 1 << 43 | 32 << 36
    return squitter(address, 7 << 51 | moving | int(odd) << 34 | y << 17 | x)


def velocity(address: str, east_kt: int, north_kt: int, rate_fpm: int, geometric_ft: int = 0) -> bytes:
    """Return a frame with a velocity over the ground (type code 19, subtype 1)."""
    message = 19 << 51 | 1 << 48
    message |= (east_kt < 0) << 42 | abs(east_kt) + 1 << 32 | (north_kt < 0) << 31 | abs(north_kt) + 1 << 21
    message |= (rate_fpm < 0) << 19 | abs(rate_fpm) // 64 + 1 << 10
    message |= (geometric_ft < 0) << 7 | abs(geometric_ft) // 25 + 1
    return squitter(address, message)


def _cpr(lat: float, lng: float, *, odd: bool, zones_deg: float) -> tuple[int, int]:
    """Return a position in compact form (DO-260B, A.1.7.3): 17 bits of latitude, 17 of longitude."""
    zone_lat = zones_deg / (60 - odd)
    y = math.floor(2**17 * (lat % zone_lat) / zone_lat + 0.5)
    coded_lat = zone_lat * (y / 2**17 + math.floor(lat / zone_lat))
    zone_lng = zones_deg / max(_zones(coded_lat) - odd, 1)
    x = math.floor(2**17 * (lng % zone_lng) / zone_lng + 0.5)
    return y % 2**17, x % 2**17


def _zones(lat: float) -> int:
    """Return the number of zones of longitude at a latitude."""
    if abs(lat) >= 87.0:
        return 2 if abs(lat) == 87.0 else 1
    part = 1.0 - (1.0 - math.cos(math.pi / 30.0)) / math.cos(math.radians(lat)) ** 2
    return math.floor(2.0 * math.pi / math.acos(part))
