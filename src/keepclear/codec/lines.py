"""Cuts a stream of bytes that comes in pieces into lines, each of bounded length."""

from __future__ import annotations

from keepclear.codec.decoding import LINE_BYTES_MAX, SAMPLE_BYTES_MAX, Faults

_TOO_LONG = f"a line is longer than {LINE_BYTES_MAX:,} bytes"


class LineCutter:
    """Cuts a stream into lines; the unfinished one is kept for the next piece.

    A line ends with a line feed, before which there may be a carriage return. A line that is too long is
    left out as a whole, and is one fault.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._is_too_long = False

    def cut(self, data: bytes, faults: Faults) -> list[bytes]:
        """Take the next piece of the stream.

        Args:
            data: The piece.
            faults: Where lines that are too long are counted.

        Returns:
            The lines that are complete now and not blank, without their ends.
        """
        first, line_feed, others = data.partition(b"\n")
        if not line_feed:
            self._keep(first)
            return []
        lines: list[bytes] = []
        if self._rest or self._is_too_long:
            self._keep(first)
            lines, data = self._taken(faults), others
        whole, _, rest = data.rpartition(b"\n")
        cut = whole.split(b"\n")
        if len(whole) > LINE_BYTES_MAX:
            for line in cut:
                if len(line) > LINE_BYTES_MAX:
                    faults.add(_TOO_LONG, line)
            cut = [line for line in cut if len(line) <= LINE_BYTES_MAX]
        if b"\r" in whole:
            cut = [line.removesuffix(b"\r") for line in cut]
        self._keep(rest)
        lines.extend(filter(bytes.strip, cut))
        return lines

    def finish(self, faults: Faults) -> list[bytes]:
        """Take note that the stream has ended.

        Args:
            faults: Where a line that is too long is counted.

        Returns:
            The last line, if there is one that did not end.
        """
        return self._taken(faults)

    def _keep(self, piece: bytes) -> None:
        """Add to the unfinished line; of one that is too long only the beginning is kept."""
        self._rest += piece
        if len(self._rest) > LINE_BYTES_MAX:
            self._is_too_long = True
        if self._is_too_long:
            del self._rest[SAMPLE_BYTES_MAX:]

    def _taken(self, faults: Faults) -> list[bytes]:
        """Return the unfinished line as it ends here, and begin another."""
        line, is_too_long = bytes(self._rest), self._is_too_long
        self._rest.clear()
        self._is_too_long = False
        if is_too_long:
            faults.add(_TOO_LONG, line)
            return []
        line = line.removesuffix(b"\r")
        return [line] if line.strip() else []
