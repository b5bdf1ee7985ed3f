"""Frames of Mode S as receivers pass them on raw: Beast binary (port 30005) and AVR text (port 30002).

Framing is done here; what frames say, `mode_s` tells. The decoders are only made in a process of their own.

In Beast, a frame is 1a, its type, and its body, in which each 1a is doubled: six bytes of time, one of
signal, and two, seven or fourteen of the frame by the types 1, 2 and 3. In AVR, a frame is hexadecimal digits
between `*` and `;`, or with twelve digits of time after `@`, or with these and two of signal after `<`.

Left aside as the formats have it: Mode A/C replies (heartbeats are such), and in Beast the frames that tell
of the receiver (types 4, 5, e3, e4).

Source:
    "Mode S Beast: Data Output Formats", wiki.jetvision.de; readsb, dump1090 (types above 3).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

from keepclear.codec.decoding import Decoded, Faults
from keepclear.codec.lines import LineCutter
from keepclear.codec.mode_s import ModeS
from keepclear.core.geodesy import LatLng

_FRAME: Final = re.compile(
    rb"\x1a(?:1((?:[^\x1a]|\x1a\x1a){9})|2((?:[^\x1a]|\x1a\x1a){14})|3((?:[^\x1a]|\x1a\x1a){21}))"
)
_BEGUN: Final = re.compile(rb"\x1a(?:[123](?:[^\x1a]|\x1a\x1a)*+\x1a?)?")
_OTHER: Final = re.compile(rb"(?:\x1a[^\x1a])?(?:[^\x1a]++|\x1a\x1a)*+")
_OF_RECEIVERS: Final = (b"\x1a4", b"\x1a5", b"\x1a\xe3", b"\x1a\xe4")
_MODE_S_BYTES: Final = (7, 14)
_MODE_AC_BYTES: Final = 2
_AVR: Final = re.compile(
    rb"(?:\*|@([0-9A-Fa-f]{12})|<([0-9A-Fa-f]{12})([0-9A-Fa-f]{2}))"
    rb"([0-9A-Fa-f]{28}|[0-9A-Fa-f]{14}|[0-9A-Fa-f]{4})"
)


class Frame(NamedTuple):
    """A frame as it was received.

    Attributes:
        ticks: The receiver's counter, in general of 12 MHz; 0 where it is not told.
        signal: The level of the signal, 0..255; 0 where it is not told.
        data: The frame itself, 7 or 14 bytes.
    """

    ticks: int
    signal: int
    data: bytes


class Framer(Protocol):
    """Cuts a stream that comes in pieces into frames; what it keeps of one that is not whole is bounded."""

    def cut(self, data: bytes, faults: Faults) -> list[Frame]:
        """Return the frames that are complete with this piece."""
        ...

    def finish(self, faults: Faults) -> list[Frame]:
        """Return the last frame, as the stream has ended."""
        ...


class BeastFramer:
    """Cuts Beast binary; see `Framer`. After bytes that make no frame it goes on at the next one."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_skipping = False

    def cut(self, data: bytes, faults: Faults) -> list[Frame]:
        """Take the next piece of the stream.

        Args:
            data: The piece.
            faults: Where it is counted what makes no frame.

        Returns:
            The frames of Mode S that are complete now.
        """
        stream, frames, place = self._rest + data, [], 0
        while place < len(stream):
            found = _FRAME.match(stream, place)
            if found is not None:
                place, self._is_skipping = found.end(), False
                body = found[found.lastindex or 0].replace(b"\x1a\x1a", b"\x1a")
                if len(body) - 7 in _MODE_S_BYTES:
                    frames.append(Frame(int.from_bytes(body[:6], "big"), body[6], body[7:]))
            elif _BEGUN.fullmatch(stream, place):
                break
            else:
                if not self._is_skipping and not stream.startswith(_OF_RECEIVERS, place):
                    faults.add("bytes make no frame", stream[place : place + 20].hex(" "))
                other = _OTHER.match(stream, place)
                assert other is not None, "it matches anything"
                place = other.end()
                self._is_skipping = place >= len(stream) - 1  # it may go on in the next piece
        self._rest = stream[place:]
        return frames

    def finish(self, faults: Faults) -> list[Frame]:
        """Take note that the stream has ended.

        Args:
            faults: Where a frame that is not whole is counted.

        Returns:
            Nothing: a frame of this format is whole as soon as its last byte is there.
        """
        if self._rest:
            faults.add("the stream ended within a frame", self._rest.hex(" "))
        self._rest, self._is_skipping = b"", False
        return []


class AvrFramer:
    """Cuts AVR text; see `Framer`."""

    def __init__(self) -> None:
        self._cutter = LineCutter()

    def cut(self, data: bytes, faults: Faults) -> list[Frame]:
        """Take the next piece of the stream.

        Args:
            data: The piece.
            faults: Where it is counted what makes no frame.

        Returns:
            The frames of Mode S in the lines that are complete now.
        """
        return _frames_of_lines(self._cutter.cut(data, faults), faults)

    def finish(self, faults: Faults) -> list[Frame]:
        """Take note that the stream has ended.

        Args:
            faults: Where it is counted what makes no frame.

        Returns:
            The frames of Mode S in the last line, if that did not end.
        """
        return _frames_of_lines(self._cutter.finish(faults), faults)


def _frames_of_lines(lines: list[bytes], faults: Faults) -> list[Frame]:
    frames = []
    for line in lines:
        *texts, rest = line.split(b";")
        for text in texts:
            found = _AVR.fullmatch(text.strip())
            if found is None:
                faults.add("a text between semicolons is no frame", text)
            elif len(found[4]) > 2 * _MODE_AC_BYTES:
                ticks, signal = int(found[1] or found[2] or b"0", 16), int(found[3] or b"0", 16)
                frames.append(Frame(ticks, signal, bytes.fromhex(found[4].decode("ascii"))))
        if rest.strip():
            faults.add("a line does not end with a semicolon", line)
    return frames


class _FrameDecoder:
    """Makes reports of a stream of frames; see `decoding.Decoder`."""

    def __init__(self, framer: Framer, near: LatLng | None) -> None:
        self._framer = framer
        self._near = near
        self._mode_s = ModeS(near)

    def decode(self, data: bytes, received_ms: int) -> Decoded:
        """Take the next piece of the stream.

        Args:
            data: The piece.
            received_ms: When it was received, milliseconds since 1970.

        Returns:
            A report for each frame that is complete now and has a position.
        """
        faults = Faults()
        return self._decoded(self._framer.cut(data, faults), received_ms, faults)

    def finish(self, received_ms: int) -> Decoded:
        """Take note that the stream has ended, and forget all aircraft.

        Args:
            received_ms: When that was, milliseconds since 1970.

        Returns:
            The report of the last frame, if that was not complete before and has a position.
        """
        faults = Faults()
        decoded = self._decoded(self._framer.finish(faults), received_ms, faults)
        self._mode_s = ModeS(self._near)
        return decoded

    def _decoded(self, frames: list[Frame], received_ms: int, faults: Faults) -> Decoded:
        reports = self._mode_s.reports((frame.data for frame in frames), received_ms, faults)
        return Decoded(reports, faults.malformed())


class BeastDecoder(_FrameDecoder):
    """Makes reports of Beast binary.

    Args:
        near: See `ModeS`.

    Raises:
        InvalidValueError: The extra `adsb` is not installed.
    """

    def __init__(self, near: LatLng | None = None) -> None:
        super().__init__(BeastFramer(), near)


class RawDecoder(_FrameDecoder):
    """Makes reports of AVR text.

    Args:
        near: See `ModeS`.

    Raises:
        InvalidValueError: The extra `adsb` is not installed.
    """

    def __init__(self, near: LatLng | None = None) -> None:
        super().__init__(AvrFramer(), near)
