"""The process that decodes Mode S: `python -m keepclear.adapters.feeds.decoder beast|raw`.

It reads pieces of a stream, each behind a `child.FRAME`, from its standard input, and writes reports as
lines to its standard output, and what it does not understand as JSON to its standard error. It ends when
its input does. This is the only process that loads pyModeS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import BinaryIO, Final

import msgspec

from keepclear.adapters.feeds.child import FRAME
from keepclear.codec.beast import BeastDecoder, RawDecoder
from keepclear.codec.decoding import Decoded, Decoder, Malformed, printable
from keepclear.codec.report_lines import encode_lines
from keepclear.core.reports import gather

_DECODERS: Final[MappingProxyType[str, Callable[[], Decoder]]] = MappingProxyType(
    {"beast": BeastDecoder, "raw": RawDecoder}
)


def decode_all(decoder: Decoder, pieces: BinaryIO, reports: BinaryIO, faults: BinaryIO) -> None:
    """Decode a stream to its end.

    Args:
        decoder: What decodes it.
        pieces: Gives the pieces.
        reports: Where reports are written.
        faults: Where it is written what was not understood.
    """
    received_ms = 0
    while len(header := pieces.read(FRAME.size)) == FRAME.size:
        received_ms, length = FRAME.unpack(header)
        _tell(decoder.decode(pieces.read(length), received_ms), received_ms, reports, faults)
    _tell(decoder.finish(received_ms), received_ms, reports, faults)


def _tell(decoded: Decoded, received_ms: int, reports: BinaryIO, faults: BinaryIO) -> None:
    malformed = decoded.malformed
    if decoded.reports:
        gathered = gather("child", decoded.reports, received_ms)
        malformed = malformed + [
            Malformed(1, refused.reason, printable(decoded.reports[refused.row].id))
            for refused in gathered.refused
        ]
        reports.write(encode_lines(gathered.reports))
        reports.flush()
    for each in malformed:
        faults.write(msgspec.json.encode(each) + b"\n")
    faults.flush()


def main(arguments: Sequence[str]) -> int:
    """Decode the standard input; return an exit code."""
    try:
        decode_all(_DECODERS[arguments[0]](), sys.stdin.buffer, sys.stdout.buffer, sys.stderr.buffer)
    except BrokenPipeError:  # the node has ended
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
