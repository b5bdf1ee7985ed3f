"""CSV of tracks at one instant, and of pairs of aircraft: a row for each, units in the names of the columns.

Rows are read column by column, which is quick; where a cell is not what it must be, the cells of that column
are read one by one, and each is told with its line. What is empty is not known: without an altitude or a
vertical rate only the plan of a track is judged, without a speed or a direction it is not judged at all, and
both are told.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from keepclear.codec.json_errors import did_you_mean, text_of
from keepclear.codec.properties import field_of, number_of_text, shown
from keepclear.codec.reading import Problem, Reading
from keepclear.core.air_picture import AirPicture, Words
from keepclear.core.altitudes import HEIGHT_MAX_M
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats
from keepclear.core.intents import ID_CHARACTERS_MAX
from keepclear.core.motions import (
    EN_ROUTE_ACCELERATION_MPS2,
    TERMINAL_ACCELERATION_MPS2,
    VERTICAL_ACCELERATION_MPS2,
    TrackArrays,
    grown_error_m,
)
from keepclear.core.named_rules import INCIDENT_KIND
from keepclear.core.tracks import AGE_MAX_S, SPEED_MAX_MPS, TrackKind
from keepclear.core.units import FOOT_M, NAUTICAL_MILE_M

TRACK_ROWS_MAX: Final = 2_000_000
"""The most rows of one file of tracks or of pairs."""

_KNOT_MPS: Final = NAUTICAL_MILE_M / 3_600.0
_FPM_MPS: Final = FOOT_M / 60.0
_HEIGHT_MAX_FT: Final = HEIGHT_MAX_M / FOOT_M
_SPEED_MAX_KT: Final = SPEED_MAX_MPS / _KNOT_MPS
_RATE_MAX_FPM: Final = SPEED_MAX_MPS / _FPM_MPS
_KINDS: Final = (*(kind.value for kind in TrackKind), INCIDENT_KIND)

_Range = tuple[float, float]

TRACK_COLUMNS: Final[dict[str, _Range]] = {
    "latitude_deg": (-90.0, 90.0),
    "longitude_deg": (-180.0, 360.0),
    "altitude_ft": (-_HEIGHT_MAX_FT, _HEIGHT_MAX_FT),
    "ground_speed_kt": (0.0, _SPEED_MAX_KT),
    "track_deg": (0.0, 360.0),
    "vertical_rate_fpm": (-_RATE_MAX_FPM, _RATE_MAX_FPM),
}
"""The columns with numbers that a picture must have, beside `id`, and their ranges."""
ERROR_COLUMNS: Final[dict[str, _Range]] = {
    "age_s": (0.0, AGE_MAX_S),
    "position_accuracy_m": (0.0, HEIGHT_MAX_M),
    "altitude_accuracy_ft": (0.0, _HEIGHT_MAX_FT),
}
"""The columns that tell how exact a track is; each may be left out."""
WORD_COLUMNS: Final = ("party", "kind", "formation", "contact")
"""The columns that tell who a track is; each may be left out."""
PAIR_COLUMNS: Final[dict[str, _Range]] = {
    f"{side}_{name}": bounds
    for side in ("own", "int")
    for name, bounds in (
        ("lat", (-90.0, 90.0)),
        ("lon", (-180.0, 360.0)),
        ("alt_m", (-HEIGHT_MAX_M, HEIGHT_MAX_M)),
        ("gs_ms", (0.0, SPEED_MAX_MPS)),
        ("trk", (0.0, 360.0)),
        ("vs_ms", (-SPEED_MAX_MPS, SPEED_MAX_MPS)),
    )
}
"""The columns of a file of pairs, and their ranges; it may have others, which are not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """A track that cannot be judged.

    Attributes:
        id: Its id.
        reason: Why not, as a clause.
    """

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadPicture:
    """What a file of tracks holds.

    Attributes:
        picture: The tracks that can be judged; None if the file has a problem.
        unjudged: The others, in the order of the file.
        assumptions: What was taken for what is missing.
        problems: What is wrong with the file.
    """

    picture: AirPicture | None
    unjudged: tuple[Unjudged, ...]
    assumptions: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadPairs:
    """What a file of pairs holds; m rows.

    Attributes:
        pairs: The own tracks and the intruders, one of each to a row; None if the file has a problem.
        problems: What is wrong with it.
    """

    pairs: tuple[TrackArrays, TrackArrays] | None
    problems: tuple[Problem, ...]


class _Sheet:
    """A CSV file, column by column.

    Args:
        reading: Where problems go.
        header: The names of the columns, and at which line they stand.
        columns: The cells of each.
        lines: At which line each row begins.
    """

    def __init__(self, reading: Reading, data: bytes) -> None:
        self.reading = reading
        reader = csv.reader(io.StringIO(text_of(data).decode("utf-8"), newline=""), strict=True)
        rows: list[list[str]] = []
        self.lines: list[int] = []
        line = 1
        try:
            for row in reader:
                if row and any(row):
                    rows.append(row)
                    self.lines.append(line)
                line = reader.line_num + 1
                if len(rows) > TRACK_ROWS_MAX + 1:
                    raise InvalidValueError("", f"it has over {TRACK_ROWS_MAX:,} rows; split it")
        except csv.Error as error:
            raise InvalidValueError("", f"this is not CSV: {error}, in the row at line {line}") from None
        if not rows:
            raise InvalidValueError("", "the file is empty; its first row must name the columns")
        self.header = [name.strip() for name in rows[0]]
        self.header_place = f"line {self.lines[0]}"
        self._rows, self.lines = rows[1:], self.lines[1:]
        self._columns: dict[str, Sequence[str]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def check_header(self, needed: Sequence[str], known: Sequence[str] | None) -> None:
        """Note what is wrong with the header.

        Args:
            needed: What must be there.
            known: What may be there; None for anything.
        """
        refuse, place = self.reading.refuse, self.header_place
        for separator, plural in ((";", "semicolons"), ("\t", "tabs")):
            if len(self.header) == 1 and separator in self.header[0]:
                raise InvalidValueError("", f"its columns are separated by {plural}; separate them by commas")
        if not set(self.header) & set(needed):
            raise InvalidValueError("", f"its first row must name the columns: {','.join(needed)}")
        for index, name in enumerate(self.header):
            if name in self.header[:index]:
                refuse("the column is there twice", item=place, field=field_of(name))
            elif known is not None and name not in known:
                hint = did_you_mean(name, list(known))
                refuse(f"unknown column {shown(name)}{hint}", item=place)
        for name in needed:
            if name not in self.header:
                refuse("the column is missing", item=place, field=name)

    def check_widths(self) -> None:
        """Note rows that are shorter or longer than the header, and lay the columns out."""
        width = len(self.header)
        for line, row in zip(self.lines, self._rows, strict=True):
            if len(row) != width:
                cells = f"{len(row)} cell{'' if len(row) == 1 else 's'}"
                self.reading.refuse(f"it has {cells}, and there are {width} columns", item=f"line {line}")
        if not self.reading.problems:
            columns = list(zip(*self._rows, strict=True)) or [()] * width
            self._columns = dict(zip(self.header, columns, strict=True))

    def words(self, name: str) -> Sequence[str]:
        """Return the cells of a column; empty ones if there is no such column."""
        cells = self._columns.get(name)
        return [""] * len(self) if cells is None else [cell.strip() for cell in cells]

    def numbers(self, name: str, bounds: _Range) -> Floats:
        """Return the numbers of a column, NaN where a cell is empty; problems are noted."""
        cells = self._columns.get(name)
        if cells is None:
            return np.full(len(self), np.nan)
        values = _quickly(cells)
        if values is None:
            values = np.full(len(self), np.nan)
            for row, cell in enumerate(cells):
                if cell.strip():
                    try:
                        values[row] = number_of_text(cell.strip())
                    except InvalidValueError as error:
                        self._refuse(row, name, error.reason)
        for row in np.flatnonzero((values < bounds[0]) | (values > bounds[1])).tolist():
            self._refuse(row, name, f"{cells[row].strip()} is not within {bounds[0]:.10g}..{bounds[1]:.10g}")
        return values

    def refuse_empty(self, name: str, values: Floats) -> None:
        """Note where a number that must be there is missing."""
        if name in self._columns:
            for row in np.flatnonzero(np.isnan(values)).tolist():
                if not self._columns[name][row].strip():
                    self._refuse(row, name, "it is empty")

    def _refuse(self, row: int, name: str, reason: str) -> None:
        self.reading.refuse(reason, item=f"line {self.lines[row]}", field=name)

    def refuse_row(self, row: int, name: str, reason: str) -> None:
        """Note what is wrong with a cell."""
        self._refuse(row, name, reason)


_NUMBER_CHARACTERS: Final = frozenset("0123456789.+-eE")


def _quickly(cells: Sequence[str]) -> Floats | None:
    """Return numbers where all cells are empty or plain numbers; else None."""
    if not _NUMBER_CHARACTERS.issuperset("".join(cells)):
        return None
    try:
        values = np.array([cell or "nan" for cell in cells], dtype=np.str_).astype(np.float64)
    except ValueError:
        return None
    return None if np.isinf(values).any() else values


def decode_picture(data: bytes, source: str) -> ReadPicture:
    """Read a file of tracks.

    Args:
        data: Its bytes.
        source: The file, as the user named it.

    Returns:
        Its tracks, all its problems, and what was assumed.

    Source:
        RFC 4180, with a header.
    """
    reading = Reading(source)
    needed = ("id", *TRACK_COLUMNS)
    try:
        sheet = _Sheet(reading, data)
        sheet.check_header(needed, (*needed, *WORD_COLUMNS, *ERROR_COLUMNS))
        sheet.check_widths()
    except InvalidValueError as error:
        reading.refuse_value(error)
    if reading.problems:
        return _refused(reading)
    return _Tracks(sheet).read()


def _refused(reading: Reading) -> ReadPicture:
    return ReadPicture(picture=None, unjudged=(), assumptions=(), problems=tuple(reading.problems))


class _Tracks:
    """Makes a picture of a sheet."""

    def __init__(self, sheet: _Sheet) -> None:
        self._sheet = sheet
        self._words = {name: sheet.words(name) for name in ("id", *WORD_COLUMNS)}
        both = TRACK_COLUMNS | ERROR_COLUMNS
        self._numbers = {name: sheet.numbers(name, bounds) for name, bounds in both.items()}

    def read(self) -> ReadPicture:
        sheet, numbers = self._sheet, self._numbers
        self._check_words()
        for name in ("latitude_deg", "longitude_deg"):
            sheet.refuse_empty(name, numbers[name])
        if sheet.reading.problems:
            return _refused(sheet.reading)
        is_incident = np.array([kind == INCIDENT_KIND for kind in self._words["kind"]], dtype=np.bool_)
        reasons = self._reasons(is_incident)
        kept = [row for row in range(len(sheet)) if row not in reasons]
        is_vague = np.isnan(numbers["altitude_ft"]) | np.isnan(numbers["vertical_rate_fpm"])
        is_vague &= ~is_incident
        try:
            picture = self._picture(np.array(kept, dtype=np.int64), is_vague, is_incident)
        except InvalidValueError as error:
            row = _row_of(error.field)
            sheet.refuse_row(kept[row] if row is not None else 0, error.field.partition("[")[0], error.reason)
            return _refused(sheet.reading)
        unjudged = [Unjudged(id=self._words["id"][row], reason=reason) for row, reason in reasons.items()]
        vague = [self._words["id"][row] for row in kept if is_vague[row]]
        return ReadPicture(
            picture=picture, unjudged=tuple(unjudged), assumptions=tuple(self._assumed(vague)), problems=()
        )

    def _check_words(self) -> None:
        sheet, seen = self._sheet, dict[str, int]()
        for row, track_id in enumerate(self._words["id"]):
            if not track_id or len(track_id) > ID_CHARACTERS_MAX or not track_id.isprintable():
                sheet.refuse_row(row, "id", f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
            elif seen.setdefault(track_id, row) != row:
                first = sheet.lines[seen[track_id]]
                sheet.refuse_row(row, "id", f"{shown(track_id)} is there twice; line {first} has it too")
        for name in WORD_COLUMNS:
            for row, word in enumerate(self._words[name]):
                if len(word) > ID_CHARACTERS_MAX or not word.isprintable():
                    sheet.refuse_row(
                        row, name, f"it must be at most {ID_CHARACTERS_MAX} printable characters"
                    )
        for row, kind in enumerate(self._words["kind"]):
            if kind and kind not in _KINDS:
                sheet.refuse_row(row, "kind", f"{shown(kind)} is no kind{did_you_mean(kind, list(_KINDS))}")

    def _reasons(self, is_incident: npt.NDArray[np.bool_]) -> dict[int, str]:
        """Return why tracks cannot be judged, by row."""
        numbers = self._numbers
        speed, track = numbers["ground_speed_kt"], numbers["track_deg"]
        speed[is_incident & np.isnan(speed)] = 0.0
        track[np.isnan(track) & (speed == 0.0)] = 0.0  # what stands has no direction
        reasons = dict.fromkeys(np.flatnonzero(np.isnan(track)).tolist(), "it has no track_deg")
        reasons |= dict.fromkeys(np.flatnonzero(np.isnan(speed)).tolist(), "it has no ground_speed_kt")
        return dict(sorted(reasons.items()))

    def _picture(
        self, rows: npt.NDArray[np.int64], is_vague: npt.NDArray[np.bool_], is_incident: npt.NDArray[np.bool_]
    ) -> AirPicture:
        numbers = {name: column[rows] for name, column in self._numbers.items()}
        vague, fixed = is_vague[rows], is_incident[rows]
        altitude_m, rate_mps = numbers["altitude_ft"] * FOOT_M, numbers["vertical_rate_fpm"] * _FPM_MPS
        lowest = vague | (fixed & np.isnan(altitude_m))
        altitude_m[lowest], rate_mps[np.isnan(rate_mps)] = np.nan, 0.0
        tracks = TrackArrays(
            latitude_deg=numbers["latitude_deg"],
            longitude_deg=numbers["longitude_deg"],
            altitude_m=altitude_m,
            ground_speed_mps=np.minimum(numbers["ground_speed_kt"] * _KNOT_MPS, SPEED_MAX_MPS),
            track_deg=numbers["track_deg"],
            vertical_rate_mps=np.clip(rate_mps, -SPEED_MAX_MPS, SPEED_MAX_MPS),
            **self._errors(rows, numbers, lowest),
        )
        words: dict[str, Words] = {
            name: tuple(self._words[name][row] or None for row in rows.tolist()) for name in WORD_COLUMNS
        }
        return AirPicture(
            tracks=tracks,
            ids=tuple(self._words["id"][row] for row in rows.tolist()),
            parties=words["party"],
            kinds=words["kind"],
            formations=words["formation"],
            contacts=words["contact"],
        )

    def _errors(
        self, rows: npt.NDArray[np.int64], numbers: dict[str, Floats], unknown: npt.NDArray[np.bool_]
    ) -> dict[str, Floats]:
        """Return how old and how far off tracks are, where the file tells or leaves out altitudes."""
        header, errors = self._sheet.header, dict[str, Floats]()
        age_s, accuracy_m, accuracy_ft = (np.nan_to_num(numbers[name], nan=0.0) for name in ERROR_COLUMNS)
        if "age_s" in header:
            errors["age_s"] = age_s
        if "age_s" in header or "position_accuracy_m" in header:
            kinds = [self._words["kind"][row] for row in rows.tolist()]
            is_en_route = np.array([kind == TrackKind.AEROPLANE.value for kind in kinds], dtype=np.bool_)
            bends = np.where(is_en_route, EN_ROUTE_ACCELERATION_MPS2, TERMINAL_ACCELERATION_MPS2)
            errors["horizontal_error_m"] = np.minimum(grown_error_m(accuracy_m, age_s, bends), HEIGHT_MAX_M)
        if "age_s" in header or "altitude_accuracy_ft" in header or unknown.any():
            known_m = grown_error_m(accuracy_ft * FOOT_M, age_s, VERTICAL_ACCELERATION_MPS2)
            errors["vertical_error_m"] = np.where(unknown, np.inf, known_m)
        return errors

    def _assumed(self, vague: list[str]) -> list[str]:
        told = []
        if vague:
            named = ", ".join(vague[:3]) + (f" and {len(vague) - 3:,} more" if len(vague) > 3 else "")
            told.append(f"without altitude_ft or vertical_rate_fpm only the plan is judged: {named}")
        for name, text in (
            ("age_s", "all tracks are taken to be of the picture's instant: there is no age_s"),
            ("position_accuracy_m", "positions are taken to be exact: there is no position_accuracy_m"),
        ):
            if name not in self._sheet.header:
                told.append(text)
            elif np.isnan(self._numbers[name]).any():
                told.append(f"where {name} is empty it is taken to be 0")
        return told


def _row_of(field: str) -> int | None:
    """Return which row a problem of a picture is about, if its field says so."""
    inside = field.partition("[")[2].partition("]")[0]
    return int(inside) if inside.isdecimal() else None


def decode_pairs(data: bytes, source: str) -> ReadPairs:
    """Read a file of pairs of aircraft.

    Args:
        data: Its bytes.
        source: The file, as the user named it.

    Returns:
        Its pairs, and all its problems.
    """
    reading = Reading(source)
    try:
        sheet = _Sheet(reading, data)
        sheet.check_header(tuple(PAIR_COLUMNS), None)
        sheet.check_widths()
    except InvalidValueError as error:
        reading.refuse_value(error)
    if reading.problems:
        return ReadPairs(pairs=None, problems=tuple(reading.problems))
    numbers = {}
    for name, bounds in PAIR_COLUMNS.items():
        numbers[name] = sheet.numbers(name, bounds)
        sheet.refuse_empty(name, numbers[name])
    if reading.problems:
        return ReadPairs(pairs=None, problems=tuple(reading.problems))
    own, intruder = (
        TrackArrays(
            latitude_deg=numbers[f"{side}_lat"],
            longitude_deg=numbers[f"{side}_lon"],
            altitude_m=numbers[f"{side}_alt_m"],
            ground_speed_mps=numbers[f"{side}_gs_ms"],
            track_deg=numbers[f"{side}_trk"],
            vertical_rate_mps=numbers[f"{side}_vs_ms"],
        )
        for side in ("own", "int")
    )
    return ReadPairs(pairs=(own, intruder), problems=())
