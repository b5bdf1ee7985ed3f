"""Reports as packed columns, and back, every bit of them.

Sources tell numbers in steps: hundred-thousandths of a degree, feet, tenths of a knot. A column that is
whole multiples of such a step is kept as these multiples, if that gives back each number bit for bit; else
as it is. Bytes of equal weight lie together, which packs better. Words lie in a table, each once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct

from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats
from keepclear.core.kinds import TrackKind
from keepclear.core.packed import Ints
from keepclear.core.recorded import taken_rows
from keepclear.core.refs import check_text
from keepclear.core.reports import OptionalWords, Reports, check_columns
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS

FRAME_REPORTS_MAX: Final = 20_000
"""So many reports are packed together at most."""

_DIVISORS: Final = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7)
_UNITS: Final = (1.0, FOOT_M, KNOT_MPS, FOOT_PER_MINUTE_MPS)
_HINTS: Final = {  # which units a column may be told in
    "latitude_deg": (0,),
    "longitude_deg": (0,),
    "altitude_m": (0, 1),
    "pressure_altitude_ft": (0,),
    "ground_speed_mps": (0, 2),
    "track_deg": (0,),
    "vertical_rate_mps": (0, 3),
    "horizontal_error_m": (0,),
    "vertical_error_m": (0, 1),
    "selected_altitude_ft": (0,),
}
_NUMBERS: Final = tuple(_HINTS)
_WORDS: Final = ("ids", "kinds", "callsigns", "squawks", "parties", "operations")
_SAMPLE: Final = 16
_MULTIPLE_MAX: Final = 2.0**53
_WHOLE: Final = 8
_WIDTHS: Final[dict[int, np.dtype[Any]]] = {size: np.dtype(f"<u{size}") for size in (1, 2, 4, _WHOLE)}
_SEPARATOR: Final = "\n"  # in no word: it does not print
_KINDS: Final = {kind.value: kind for kind in TrackKind}

_Count = Annotated[int, Meta(ge=0, le=FRAME_REPORTS_MAX)]


class _Ints(Struct, array_like=True, forbid_unknown_fields=True):
    """Whole numbers: the least of them, and how far each is above it."""

    least: int
    width: Annotated[int, Meta(ge=0, le=8)]
    above: bytes


class _Numbers(Struct, array_like=True, forbid_unknown_fields=True):
    """Numbers, NaN where a bit of `lacking` is set; multiples of a step, or as they are."""

    lacking: bytes
    divisor: Annotated[int, Meta(ge=0, lt=len(_DIVISORS))] = 0
    unit: Annotated[int, Meta(ge=0, lt=len(_UNITS))] = 0
    multiples: _Ints | None = None
    planes: bytes = b""


class _Words(Struct, array_like=True, forbid_unknown_fields=True):
    """Words: a table of them, and which each is; the place behind the last stands for none."""

    table: str
    count: _Count
    places: _Ints


class _Columns(Struct, array_like=True, forbid_unknown_fields=True):
    batches: Annotated[list[tuple[str, _Count]], Meta(min_length=1, max_length=FRAME_REPORTS_MAX)]
    received_ms: _Ints
    at_ms: _Ints
    numbers: Annotated[list[_Numbers], Meta(min_length=len(_NUMBERS), max_length=len(_NUMBERS))]
    on_ground: bytes
    words: Annotated[list[_Words], Meta(min_length=len(_WORDS), max_length=len(_WORDS))]


def encode_reports(batches: Sequence[Reports]) -> bytes:
    """Write batches of reports, at least one of each and at most `FRAME_REPORTS_MAX` in all.

    Returns:
        What `decode_reports` reads to equal batches.
    """
    assert all(map(len, batches)), "a batch without reports is not written"
    columns = _Columns(
        batches=[(batch.source, len(batch)) for batch in batches],
        received_ms=_packed_ints(np.concatenate([batch.received_ms for batch in batches])),
        at_ms=_packed_ints(np.concatenate([batch.at_ms for batch in batches])),
        numbers=[
            _packed_numbers(np.concatenate([getattr(batch, name) for batch in batches]), _HINTS[name])
            for name in _NUMBERS
        ],
        on_ground=np.packbits(np.concatenate([batch.on_ground for batch in batches])).tobytes(),
        words=[_packed_words(_words_of(name, batches)) for name in _WORDS],
    )
    return msgspec.msgpack.encode(columns)


def decode_reports(data: bytes) -> list[Reports]:
    """Read batches of reports.

    Raises:
        InvalidValueError: It is none, or a value in it is out of range.
    """
    try:
        columns = msgspec.msgpack.decode(data, type=_Columns)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidValueError("", f"these are no reports: {error}") from None
    counts = [count for _, count in columns.batches]
    n = sum(counts)
    if n > FRAME_REPORTS_MAX or 0 in counts:
        raise InvalidValueError("", f"there are {n:,} reports in {len(counts):,} batches")
    columns_of: dict[str, Any] = {
        name: _unpacked_words(column, n) for name, column in zip(_WORDS, columns.words, strict=True)
    }
    if not set(columns_of["kinds"]) <= _KINDS.keys():
        raise InvalidValueError("kinds", "one is not known; update Keepclear")
    columns_of["kinds"] = tuple([_KINDS[word] for word in columns_of["kinds"]])
    for name, column in zip(_NUMBERS, columns.numbers, strict=True):
        columns_of[name] = _unpacked_numbers(column, n)
    whole = Reports(
        source=columns.batches[0][0],
        received_ms=_unpacked_ints(columns.received_ms, n),
        at_ms=_unpacked_ints(columns.at_ms, n),
        on_ground=_unpacked_flags(columns.on_ground, n),
        **columns_of,
    )
    check_columns(whole)
    return list(_parted(whole, columns.batches))


def _parted(whole: Reports, batches: Sequence[tuple[str, int]]) -> Iterator[Reports]:
    """Yield the reports of each batch."""
    first = 0
    for source, count in batches:
        check_text("source", source)
        yield taken_rows(whole, np.arange(first, first + count), source=source)
        first += count


# -- whole numbers ----------------------------------------------------------------------------------


def _packed_ints(values: Ints) -> _Ints:
    least = int(values.min()) if len(values) else 0
    span = int(values.max()) - least if len(values) else 0
    if span == 0:
        return _Ints(least, 0, b"")
    width = next(size for size in _WIDTHS if span < 256**size)
    above = (values - least).astype(_WIDTHS[width])
    return _Ints(least, width, _planes(above, width))


def _unpacked_ints(packed: _Ints, n: int) -> Ints:
    if packed.width not in (0, *_WIDTHS) or len(packed.above) != packed.width * n:
        raise InvalidValueError("", "the lengths of columns do not fit each other")
    if not -(2**62) <= packed.least <= 2**62:
        raise InvalidValueError("", f"{packed.least} is too large")
    above = _joined(packed.above, packed.width, n) if packed.width else np.zeros(n, dtype=np.uint64)
    if n and int(above.max()) >= 2**62:
        raise InvalidValueError("", "a number is too large")
    return np.asarray(above.astype(np.int64) + packed.least)


def _planes(values: npt.NDArray[Any], width: int) -> bytes:
    """Return the bytes of values, those of equal weight together."""
    return values.view(np.uint8).reshape(-1, width).T.tobytes()


def _joined(planes: bytes, width: int, n: int) -> npt.NDArray[Any]:
    values = np.frombuffer(planes, dtype=np.uint8).reshape(width, n).T
    return np.ascontiguousarray(values).view(_WIDTHS[width]).reshape(n)


# -- numbers ----------------------------------------------------------------------------------------


def _packed_numbers(values: Floats, units: Sequence[int]) -> _Numbers:
    nan = np.isnan(values)
    lacking = np.packbits(nan).tobytes() if nan.any() else b""
    told = values[~nan] if lacking else values
    if not len(told):
        return _Numbers(lacking)
    for unit in units:
        for divisor in range(len(_DIVISORS)):
            if _multiples(told[:_SAMPLE], divisor, unit) is None:
                continue
            multiples = _multiples(told, divisor, unit)
            if multiples is not None:
                return _Numbers(lacking, divisor, unit, _packed_ints(multiples))
    return _Numbers(lacking, planes=_planes(np.ascontiguousarray(told, dtype="<f8"), _WHOLE))


def _multiples(values: Floats, divisor: int, unit: int) -> Ints | None:
    """Return which multiples of a step values are; None if not all of them are, to the bit."""
    multiples = np.rint(values * (_DIVISORS[divisor] / _UNITS[unit]))
    if np.abs(multiples).max() >= _MULTIPLE_MAX:
        return None
    whole = multiples.astype(np.int64)
    again = _of_multiples(whole, divisor, unit)
    return whole if np.array_equal(again.view(np.int64), values.view(np.int64)) else None


def _of_multiples(multiples: Ints, divisor: int, unit: int) -> Floats:
    return np.asarray(multiples / _DIVISORS[divisor] * _UNITS[unit])


def _unpacked_numbers(packed: _Numbers, n: int) -> Floats:
    nan = _unpacked_flags(packed.lacking, n) if packed.lacking else np.zeros(n, dtype=np.bool_)
    count = int((~nan).sum())
    result = np.full(n, np.nan)
    if packed.multiples is not None:
        result[~nan] = _of_multiples(_unpacked_ints(packed.multiples, count), packed.divisor, packed.unit)
    elif len(packed.planes) == _WHOLE * count:
        result[~nan] = _joined(packed.planes, _WHOLE, count).view("<f8") if count else 0.0
    else:
        raise InvalidValueError("", "the lengths of columns do not fit each other")
    return result


def _unpacked_flags(packed: bytes, n: int) -> npt.NDArray[np.bool_]:
    if len(packed) != (n + 7) // 8:
        raise InvalidValueError("", "the lengths of columns do not fit each other")
    return np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=n).astype(np.bool_)


# -- words ------------------------------------------------------------------------------------------


def _words_of(name: str, batches: Sequence[Reports]) -> OptionalWords:
    words = [word for batch in batches for word in getattr(batch, name)]
    return tuple([word.value for word in words]) if name == "kinds" else tuple(words)


def _packed_words(words: OptionalWords) -> _Words:
    table = dict.fromkeys(words)
    table.pop(None, None)
    places: dict[str | None, int] = {word: place for place, word in enumerate(table)}
    places[None] = len(table)
    rows = np.fromiter(map(places.__getitem__, words), dtype=np.int64, count=len(words))
    if len(table) == len(words) > 1:
        rows = np.zeros(len(words), dtype=np.int64)  # each its own: the table is the column
    return _Words(_SEPARATOR.join(table), len(table), _packed_ints(rows))  # type: ignore[arg-type]


def _unpacked_words(packed: _Words, n: int) -> OptionalWords:
    table: list[str | None] = list(packed.table.split(_SEPARATOR)) if packed.count else []
    if len(table) != packed.count:
        raise InvalidValueError("", "a table has another number of words than it says")
    rows = _unpacked_ints(packed.places, n)
    if packed.count == n > 1:
        return tuple(table)
    table.append(None)
    if n and not (int(rows.min()) >= 0 and int(rows.max()) < len(table)):
        raise InvalidValueError("", "a word is not in its table")
    return tuple([table[row] for row in rows.tolist()])
