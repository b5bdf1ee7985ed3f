"""Every format of a feed in one table: how it is connected, and what makes reports of its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from keepclear.codec.asterix import AsterixDecoder
from keepclear.codec.cot import CotDecoder, decode_cot
from keepclear.codec.decoding import Decoded, Decoder
from keepclear.codec.f3411.network import decode_flights
from keepclear.codec.readsb import decode_readsb
from keepclear.codec.report_files import decode_traffic
from keepclear.codec.report_lines import ReportLinesDecoder
from keepclear.codec.report_sheets import ReportSheetDecoder
from keepclear.codec.sbs import SbsDecoder
from keepclear.codec.tak import TakDecoder, decode_tak, encode_request

ReadDocument = Callable[[bytes, int], Decoded]
"""Reads one whole document: the body of an answer, a file, or a datagram."""


class Way(Enum):
    """How the bytes of a feed come."""

    TCP = "tcp"
    """This node connects, and reads a stream."""
    LISTEN = "listen"
    """Others connect to this node, and each writes a stream."""
    UDP = "udp"
    """Datagrams, each a whole document."""
    HTTP = "http"
    """A document is asked for again and again."""
    FILE = "file"
    """A file that is replaced again and again is read whenever it has changed."""
    STDIN = "stdin"
    """A stream on the standard input."""
    RECORDING = "recording"
    """A file that was recorded is replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFormat:
    """What there is to know of a format to run a feed of it.

    Attributes:
        ways: How it can come.
        make_decoder: Makes what reads a stream of it; None where none comes.
        answer: Tells by what has been read, and the time, what is sent once to the other side of a stream;
            None for nothing yet.
        make_reader: Makes what reads documents of it; None where none comes.
        usual_port: The port on which it is usually offered, to be proposed; None where none is usual.
        extra: The extra of this package that it needs; None for none.
        module: A module of that extra: whether it is there is looked up without importing it.
        has_own_process: Whether its decoder runs in a process of its own, because of its licence.
        suffix: How files of it end, where they can be replayed.
    """

    ways: tuple[Way, ...]
    make_decoder: Callable[[], Decoder] | None = None
    answer: Callable[[Decoder, int], bytes | None] | None = None
    make_reader: Callable[[], ReadDocument] | None = None
    usual_port: int | None = None
    extra: str | None = None
    module: str | None = None
    has_own_process: bool = False
    suffix: str | None = None

    @property
    def lacks_extra(self) -> bool:
        """Whether the extra that it needs is not installed."""
        return self.module is not None and find_spec(self.module) is None


def _tak_answer(decoder: Decoder, now_ms: int) -> bytes | None:
    """Ask a TAK server for frames as soon as it has offered them."""
    assert isinstance(decoder, TakDecoder), "it belongs to that format"
    return encode_request(now_ms) if decoder.is_offered else None


FORMATS: Final[Mapping[str, FeedFormat]] = MappingProxyType(
    {
        "readsb": FeedFormat(ways=(Way.HTTP, Way.FILE), make_reader=lambda: decode_readsb),
        "dump1090": FeedFormat(ways=(Way.HTTP, Way.FILE), make_reader=lambda: decode_readsb),
        "sbs": FeedFormat(ways=(Way.TCP, Way.LISTEN), make_decoder=SbsDecoder, usual_port=30003),
        "beast": FeedFormat(
            ways=(Way.TCP,), usual_port=30005, extra="adsb", module="pyModeS", has_own_process=True
        ),
        "raw": FeedFormat(
            ways=(Way.TCP,), usual_port=30002, extra="adsb", module="pyModeS", has_own_process=True
        ),
        "ndjson": FeedFormat(
            ways=(Way.TCP, Way.LISTEN, Way.STDIN, Way.RECORDING),
            make_decoder=ReportLinesDecoder,
            suffix=".ndjson",
        ),
        "cot": FeedFormat(
            ways=(Way.TCP, Way.LISTEN, Way.UDP),
            make_decoder=CotDecoder,
            make_reader=lambda: decode_cot,
            usual_port=8087,
        ),
        "tak": FeedFormat(
            ways=(Way.TCP, Way.UDP),
            make_decoder=TakDecoder,
            answer=_tak_answer,
            make_reader=lambda: decode_tak,
            usual_port=8087,
            extra="tak",
            module="takproto",
        ),
        "asterix": FeedFormat(
            ways=(Way.UDP, Way.TCP),
            make_decoder=AsterixDecoder,
            make_reader=lambda: AsterixDecoder().datagram,
            extra="asterix",
            module="aviconv_asterix",
        ),
        "f3411": FeedFormat(ways=(Way.HTTP,), make_reader=lambda: decode_flights),
        "csv": FeedFormat(ways=(Way.RECORDING,), make_decoder=ReportSheetDecoder, suffix=".csv"),
        "traffic": FeedFormat(ways=(Way.RECORDING,), make_reader=lambda: decode_traffic, suffix=".json"),
        "kcr": FeedFormat(ways=(Way.RECORDING,), suffix=".kcr"),
    }
)
"""All formats, by their names in addresses."""
