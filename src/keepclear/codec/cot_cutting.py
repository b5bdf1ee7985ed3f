"""Cuts a stream of Cursor on Target into events, and into frames of TAK protocol version 1.

Senders write one event behind the other, with an XML declaration before each or without, with white space
between them or without. An event is told by its first and its last tag; what is between them, an XML parser
has to judge. A frame is 0xBF, its length as a varint, and so many bytes.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

from keepclear.codec.decoding import SAMPLE_BYTES_MAX, Faults

EVENT_BYTES_MAX: Final = 65_536
"""An event or a frame is no longer; a longer one is left out as a whole."""
TAG_BYTES_MAX: Final = 4_096
"""The first tag of an event, and an XML declaration, are no longer."""

_FRAME: Final = 0xBF
_VARINT_BYTES_MAX: Final = 5
_DECLARATION: Final = b"<?xml"
_MARK: Final = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8."""
_BETWEEN: Final = re.compile(rb"(?:[ \t\r\n\0]|\xef\xbb\xbf)*+")
_OPENING: Final = b"<event"
_FIRST_TAG: Final = re.compile(rb"""<event(?=[ \t\r\n/>])(?:[^"'<>]|"[^"<]*"|'[^'<]*')*+>""")
_LAST_TAG: Final = re.compile(rb"</event[ \t\r\n]{0,8}>")
_LAST_TAG_BYTES_MAX: Final = len(b"</event>") + 8
_NEXT: Final = re.compile(rb"<(?=event[ \t\r\n/>]|\?xml)")
_NEXT_OR_FRAME: Final = re.compile(rb"\xbf|<(?=event[ \t\r\n/>]|\?xml)")
_NEXT_BYTES_MAX: Final = len(b"<event>")

_OUTSIDE: Final = "there is something between the events"
_TOO_LONG: Final = f"an event is longer than {EVENT_BYTES_MAX:,} bytes"
_TAG_UNREAD: Final = "the first tag of an event cannot be read"
_FRAME_TOO_LONG: Final = f"a frame has no length, or one over {EVENT_BYTES_MAX:,} bytes"
_UNFINISHED: Final = "the stream ended within an event"


class CutKind(Enum):
    """What was cut out."""

    EVENT = "event"
    """An element of XML in UTF-8, without a declaration."""
    FRAME = "frame"
    """A message of TAK protocol version 1, without its header."""


class Cut(NamedTuple):
    """One of them."""

    kind: CutKind
    data: bytes


class EventCutter:
    """Cuts a stream that comes in pieces; the unfinished rest is kept for the next one.

    Args:
        takes_frames: Whether the stream may hold frames.
    """

    def __init__(self, *, takes_frames: bool) -> None:
        self._takes_frames = takes_frames
        self._next = _NEXT_OR_FRAME if takes_frames else _NEXT
        self._rest = bytearray()
        self._searched = 0
        self._is_skipping = False
        self._is_astray = False

    def cut(self, data: bytes, faults: Faults) -> list[Cut]:
        """Take the next piece.

        Args:
            data: The piece.
            faults: Where what is neither an event nor a frame is counted.

        Returns:
            The events and frames that are complete now.
        """
        self._rest += data
        cuts: list[Cut] = []
        at = 0
        while True:
            before = at
            at = self._step(at, cuts, faults)
            if at < 0:
                at = before
                break
        del self._rest[:at]
        return cuts

    def finish(self, faults: Faults) -> None:
        """Take note that the stream has ended; the next piece begins another."""
        if self._rest.strip(b" \t\r\n\0") and not self._is_skipping and not self._is_astray:
            faults.add(_UNFINISHED, bytes(self._rest[:SAMPLE_BYTES_MAX]))
        self._rest.clear()
        self._searched = 0
        self._is_skipping = self._is_astray = False

    def _step(self, at: int, cuts: list[Cut], faults: Faults) -> int:
        """Go on from one place; return the next one, or -1 where more of the stream is needed."""
        rest = self._rest
        if self._is_skipping:
            return self._skip(at)
        found = _BETWEEN.match(rest, at)
        if found is not None and found.end() > at:
            return found.end()
        if at == len(rest):
            return -1
        if self._takes_frames and rest[at] == _FRAME:
            return self._frame(at, cuts, faults)
        head = rest[at : at + _NEXT_BYTES_MAX]
        if head.startswith(_DECLARATION):
            end = rest.find(b"?>", at, at + TAG_BYTES_MAX)
            if end >= 0:
                return end + 2
            return -1 if len(rest) - at < TAG_BYTES_MAX else self._stray(at, faults)
        if len(head) < _NEXT_BYTES_MAX and any(
            whole.startswith(head) for whole in (_OPENING, _DECLARATION, _MARK)
        ):
            return -1
        if _NEXT.match(rest, at) is not None:
            return self._event(at, cuts, faults)
        return self._stray(at, faults)

    def _event(self, at: int, cuts: list[Cut], faults: Faults) -> int:
        rest = self._rest
        first = _FIRST_TAG.match(rest, at, at + TAG_BYTES_MAX)
        if first is None:
            # No tag has a `<` in it: what follows is something else.
            following = rest.find(b"<", at + 1, at + TAG_BYTES_MAX)
            if following < 0 and len(rest) - at < TAG_BYTES_MAX:
                return -1
            faults.add(_TAG_UNREAD, bytes(rest[at : at + SAMPLE_BYTES_MAX]))
            self._is_astray = True
            return following if following >= 0 else at + len(_OPENING)
        end = first.end()
        if rest[end - 2 : end] != b"/>":
            last = _LAST_TAG.search(rest, max(end, self._searched))
            if last is None:
                if len(rest) - at <= EVENT_BYTES_MAX:
                    # What was searched once is not searched again when the next piece comes.
                    self._searched = max(0, len(rest) - at - _LAST_TAG_BYTES_MAX)
                    return -1
                faults.add(_TOO_LONG, bytes(rest[at : at + SAMPLE_BYTES_MAX]))
                self._searched = 0
                self._is_skipping = True
                return max(end, len(rest) - _LAST_TAG_BYTES_MAX)
            end = last.end()
        self._searched = 0
        self._is_astray = False
        if end - at > EVENT_BYTES_MAX:
            faults.add(_TOO_LONG, bytes(rest[at : at + SAMPLE_BYTES_MAX]))
        else:
            cuts.append(Cut(CutKind.EVENT, bytes(rest[at:end])))
        return end

    def _frame(self, at: int, cuts: list[Cut], faults: Faults) -> int:
        length = 0
        for place in range(_VARINT_BYTES_MAX):
            if at + 1 + place >= len(self._rest):
                return -1
            byte = self._rest[at + 1 + place]
            length |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                break
        else:
            length = 0
        if not 0 < length <= EVENT_BYTES_MAX:
            if not self._is_astray:
                faults.add(_FRAME_TOO_LONG, bytes(self._rest[at : at + SAMPLE_BYTES_MAX]))
            self._is_astray = True
            return at + 1
        start = at + 2 + place
        if len(self._rest) < start + length:
            return -1
        cuts.append(Cut(CutKind.FRAME, bytes(self._rest[start : start + length])))
        self._is_astray = False
        return start + length

    def _skip(self, at: int) -> int:
        """Go on behind an event that is too long."""
        last = _LAST_TAG.search(self._rest, at)
        if last is not None:
            self._is_skipping = False
            return last.end()
        kept_from = max(at, len(self._rest) - _LAST_TAG_BYTES_MAX)
        return kept_from if kept_from > at else -1

    def _stray(self, at: int, faults: Faults) -> int:
        """Go on behind what is no event; all of it up to the next one is one fault."""
        if not self._is_astray:
            faults.add(_OUTSIDE, bytes(self._rest[at : at + SAMPLE_BYTES_MAX]))
            self._is_astray = True
        found = self._next.search(self._rest, at + 1)
        if found is not None:
            return found.start()
        # The last bytes may be the beginning of the next event.
        return max(at + 1, len(self._rest) - _NEXT_BYTES_MAX + 1)
