"""CSV of tracks at one instant, and of pairs of aircraft: a row for each, units in the names of the columns.

What is empty is not known: without an altitude or a vertical rate only the plan of a track is judged, without
a speed or a direction it is not judged at all, and both are told. How rows are read, `sheets` decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from keepclear.codec.json_errors import did_you_mean
from keepclear.codec.properties import shown
from keepclear.codec.reading import Problem, Reading
from keepclear.codec.sheets import Columns, Range, Sheet, read_sheet
from keepclear.core.air_picture import AirPicture, Words, contacts_of
from keepclear.core.altitudes import HEIGHT_MAX_M
from keepclear.core.encounters import (
    LATERAL_INFLATION_MAX_M,
    PATH_EXACT_MAX_M,
    beyond_inflation,
    flies_too_far,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats
from keepclear.core.intents import ID_CHARACTERS_MAX
from keepclear.core.kinds import TrackKind
from keepclear.core.motions import (
    EN_ROUTE_ACCELERATION_MPS2,
    TERMINAL_ACCELERATION_MPS2,
    VERTICAL_ACCELERATION_MPS2,
    TrackArrays,
    grown_error_m,
)
from keepclear.core.named_rules import INCIDENT_KIND
from keepclear.core.tracks import AGE_MAX_S, SPEED_MAX_MPS
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS

_HEIGHT_MAX_FT: Final = HEIGHT_MAX_M / FOOT_M
_SPEED_MAX_KT: Final = SPEED_MAX_MPS / KNOT_MPS
_RATE_MAX_FPM: Final = SPEED_MAX_MPS / FOOT_PER_MINUTE_MPS
_KINDS: Final = (*(kind.value for kind in TrackKind), INCIDENT_KIND)

TRACK_COLUMNS: Final[dict[str, Range]] = {
    "latitude_deg": (-90.0, 90.0),
    "longitude_deg": (-180.0, 360.0),
    "altitude_ft": (-_HEIGHT_MAX_FT, _HEIGHT_MAX_FT),
    "ground_speed_kt": (0.0, _SPEED_MAX_KT),
    "track_deg": (0.0, 360.0),
    "vertical_rate_fpm": (-_RATE_MAX_FPM, _RATE_MAX_FPM),
}
"""The columns with numbers that a picture must have, beside `id`, and their ranges."""
ERROR_COLUMNS: Final[dict[str, Range]] = {
    "age_s": (0.0, math.inf),
    "position_accuracy_m": (0.0, HEIGHT_MAX_M),
    "altitude_accuracy_ft": (0.0, _HEIGHT_MAX_FT),
}
"""The columns that tell how exact a track is; each may be left out."""
WORD_COLUMNS: Final = ("party", "kind", "formation", "contact")
"""The columns that tell who a track is; each may be left out."""
PAIR_COLUMNS: Final[dict[str, Range]] = {
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


_TRACKS: Final = Columns(
    numbers=TRACK_COLUMNS | ERROR_COLUMNS,
    words=("id", *WORD_COLUMNS),
    needed=("id", *TRACK_COLUMNS),
    filled=("latitude_deg", "longitude_deg"),
    has_others=False,
)
_PAIRS: Final = Columns(
    numbers=PAIR_COLUMNS, words=(), needed=tuple(PAIR_COLUMNS), filled=tuple(PAIR_COLUMNS), has_others=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """A track that cannot be judged, or not in full.

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
        track_count: How many tracks the file has.
        unjudged: Those that cannot be judged, and those of the picture that cannot in full, in the order of
            the file.
        assumptions: What was taken for what is missing.
        problems: What is wrong with the file.
    """

    picture: AirPicture | None
    track_count: int
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


def decode_picture(data: bytes, source: str) -> ReadPicture:
    """Read a file of tracks.

    Args:
        data: Its bytes.
        source: The file, as the user named it.

    Returns:
        Its tracks, all its problems, and what was assumed.
    """
    reading = Reading(source)
    sheet = read_sheet(reading, data, _TRACKS)
    if sheet is not None:
        _check_words(sheet)
    if sheet is None or reading.problems:
        problems = tuple(reading.problems)
        return ReadPicture(picture=None, track_count=0, unjudged=(), assumptions=(), problems=problems)
    return _Tracks(sheet).read()


def _check_words(sheet: Sheet) -> None:
    """Note what is wrong with ids and other words."""
    ids = sheet.words["id"]
    if len(set(ids)) < len(ids) or not all(map(_is_id, ids)):
        first: dict[str, int] = {}
        for row, track_id in enumerate(ids):
            if not _is_id(track_id):
                sheet.refuse(row, "id", f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
            elif first.setdefault(track_id, row) != row:
                line = sheet.lines[first[track_id]]
                sheet.refuse(row, "id", f"{shown(track_id)} is there twice; line {line} has it too")
    for name in WORD_COLUMNS:
        words = sheet.words.get(name, ())
        bad = {word: reason for word in sorted(set(words)) for reason in _word_faults(name, word)}
        if bad:
            for row, word in enumerate(words):
                if word in bad:
                    sheet.refuse(row, name, bad[word])


def _is_id(text: str) -> bool:
    return 0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable()


def _word_faults(name: str, word: str) -> Iterator[str]:
    """Yield what is wrong with a word of a column; nothing if it is empty."""
    if len(word) > ID_CHARACTERS_MAX or not word.isprintable():
        yield f"it must be at most {ID_CHARACTERS_MAX} printable characters"
    elif name == "kind" and word and word not in _KINDS:
        yield f"{shown(word)} is no kind{did_you_mean(word, list(_KINDS))}"
    elif name == "contact" and word:
        try:
            contacts_of(word)
        except InvalidValueError as error:
            yield error.reason


class _Tracks:
    """Makes a picture of a sheet without problems."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._ids = sheet.words["id"]
        kinds = np.array(sheet.words.get("kind", [""] * len(sheet)), dtype=np.str_)
        self._is_incident = kinds == INCIDENT_KIND
        self._is_aeroplane = kinds == TrackKind.AEROPLANE.value
        self._numbers = dict(sheet.numbers)
        self._stand_still()

    def _stand_still(self) -> None:
        """Take incidents to stand, and what stands to have no direction."""
        speed, track = self._numbers["ground_speed_kt"], self._numbers["track_deg"]
        speed = np.where(self._is_incident & np.isnan(speed), 0.0, speed)
        self._numbers["ground_speed_kt"] = speed
        self._numbers["track_deg"] = np.where(np.isnan(track) & (speed == 0.0), 0.0, track)

    def read(self) -> ReadPicture:
        reasons = self._reasons()
        is_kept = np.ones(len(self._sheet), dtype=np.bool_)
        is_kept[list(reasons)] = False
        kept = np.flatnonzero(is_kept)
        tracks = self._arrays(kept)
        picture = AirPicture(
            tracks=tracks,
            ids=tuple(self._ids[row] for row in kept.tolist()),
            parties=self._words("party", kept),
            kinds=self._words("kind", kept),
            formations=self._words("formation", kept),
            contacts=self._words("contact", kept),
        )
        for row in np.flatnonzero(beyond_inflation(tracks)).tolist():
            reasons[int(kept[row])] = _beyond_reason(tracks, row)
        unjudged = [Unjudged(id=self._ids[row], reason=reason) for row, reason in sorted(reasons.items())]
        return ReadPicture(
            picture=picture,
            track_count=len(self._sheet),
            unjudged=tuple(unjudged),
            assumptions=tuple(self._assumed(kept)),
            problems=(),
        )

    def _reasons(self) -> dict[int, str]:
        """Return why tracks cannot be judged at all, by row."""
        numbers = self._numbers
        reasons: dict[int, str] = {}
        for is_so, reason in (
            (np.isnan(numbers["ground_speed_kt"]), "it has no ground_speed_kt"),
            (np.isnan(numbers["track_deg"]), "it has no track_deg"),
            (numbers["age_s"] > AGE_MAX_S, f"its age is over {AGE_MAX_S:g} s"),
        ):
            for row in np.flatnonzero(is_so).tolist():
                reasons.setdefault(row, reason)
        return reasons

    def _words(self, name: str, rows: npt.NDArray[np.int64]) -> Words:
        words = self._sheet.words.get(name)
        return () if words is None else tuple(words[row] or None for row in rows.tolist())

    def _arrays(self, rows: npt.NDArray[np.int64]) -> TrackArrays:
        numbers = {name: column[rows] for name, column in self._numbers.items()}
        altitude_m, rate_mps = (
            numbers["altitude_ft"] * FOOT_M,
            numbers["vertical_rate_fpm"] * FOOT_PER_MINUTE_MPS,
        )
        rate_mps[np.isnan(rate_mps) & self._is_incident[rows]] = 0.0
        is_vague = np.isnan(altitude_m) | np.isnan(rate_mps)
        altitude_m[is_vague], rate_mps[is_vague] = np.nan, 0.0
        return TrackArrays(
            latitude_deg=numbers["latitude_deg"],
            longitude_deg=numbers["longitude_deg"],
            # A bound that was turned into another unit and back may be a rounding beyond itself.
            altitude_m=np.clip(altitude_m, -HEIGHT_MAX_M, HEIGHT_MAX_M),
            ground_speed_mps=np.minimum(numbers["ground_speed_kt"] * KNOT_MPS, SPEED_MAX_MPS),
            track_deg=numbers["track_deg"],
            vertical_rate_mps=np.clip(rate_mps, -SPEED_MAX_MPS, SPEED_MAX_MPS),
            **self._errors(rows, numbers, is_vague),
        )

    def _errors(
        self, rows: npt.NDArray[np.int64], numbers: dict[str, Floats], is_vague: npt.NDArray[np.bool_]
    ) -> dict[str, Floats]:
        """Return how old and how far off tracks are, where the file tells or leaves out altitudes."""
        header, errors = self._sheet.header, dict[str, Floats]()
        age_s, accuracy_m, accuracy_ft = (np.nan_to_num(numbers[name], nan=0.0) for name in ERROR_COLUMNS)
        if "age_s" in header:
            errors["age_s"] = age_s
        if "age_s" in header or "position_accuracy_m" in header:
            bends = np.where(self._is_aeroplane[rows], EN_ROUTE_ACCELERATION_MPS2, TERMINAL_ACCELERATION_MPS2)
            bends[self._is_incident[rows]] = 0.0
            errors["horizontal_error_m"] = np.minimum(grown_error_m(accuracy_m, age_s, bends), HEIGHT_MAX_M)
        if "age_s" in header or "altitude_accuracy_ft" in header or is_vague.any():
            known_m = grown_error_m(accuracy_ft * FOOT_M, age_s, VERTICAL_ACCELERATION_MPS2)
            errors["vertical_error_m"] = np.where(is_vague, np.inf, known_m)
        return errors

    def _assumed(self, rows: npt.NDArray[np.int64]) -> list[str]:
        told = []
        numbers = {name: column[rows] for name, column in self._numbers.items()}
        is_vague = np.isnan(numbers["altitude_ft"]) | np.isnan(numbers["vertical_rate_fpm"])
        vague = [self._ids[row] for row in rows[is_vague & ~self._is_incident[rows]].tolist()]
        if vague:
            named = ", ".join(vague[:3]) + (f" and {len(vague) - 3:,} more" if len(vague) > 3 else "")
            told.append(f"without altitude_ft or vertical_rate_fpm only the plan is judged: {named}")
        for name, text in (
            ("age_s", "all tracks are taken to be of the picture's instant: there is no age_s"),
            ("position_accuracy_m", "positions are taken to be exact: there is no position_accuracy_m"),
        ):
            if name not in self._sheet.header:
                told.append(text)
            elif np.isnan(numbers[name]).any():
                told.append(f"where {name} is empty it is taken to be 0")
        return told


def _beyond_reason(tracks: TrackArrays, row: int) -> str:
    """Say how far off a track may be that is judged, though not all can be excluded of it."""
    off_m = 0.0 if tracks.horizontal_error_m is None else float(tracks.horizontal_error_m[row])
    if off_m > LATERAL_INFLATION_MAX_M / math.sqrt(2.0):
        off = f"{off_m / 1000.0:,.1f} km"
    else:
        assert tracks.vertical_error_m is not None
        off = f"{float(tracks.vertical_error_m[row]) / FOOT_M:,.0f} ft in height"
    return f"it may be {off} off, which is more than is allowed for; it was judged where it should be by now"


def too_fast(picture: AirPicture, lookahead_s: float) -> list[Unjudged]:
    """Return the tracks that fly too far within a look-ahead to be judged exactly.

    Args:
        picture: The tracks.
        lookahead_s: The look-ahead.
    """
    far_km = PATH_EXACT_MAX_M / 1_000.0
    reason = f"it would fly over {far_km:g} km in half the look-ahead, and is not judged exactly"
    return [
        Unjudged(id=picture.ids[row], reason=reason)
        for row in np.flatnonzero(flies_too_far(picture.tracks, lookahead_s)).tolist()
    ]


def decode_pairs(data: bytes, source: str) -> ReadPairs:
    """Read a file of pairs of aircraft.

    Args:
        data: Its bytes.
        source: The file, as the user named it.

    Returns:
        Its pairs, and all its problems.
    """
    reading = Reading(source)
    sheet = read_sheet(reading, data, _PAIRS)
    if sheet is None:
        return ReadPairs(pairs=None, problems=tuple(reading.problems))
    own, intruder = (
        TrackArrays(
            latitude_deg=sheet.numbers[f"{side}_lat"],
            longitude_deg=sheet.numbers[f"{side}_lon"],
            altitude_m=sheet.numbers[f"{side}_alt_m"],
            ground_speed_mps=sheet.numbers[f"{side}_gs_ms"],
            track_deg=sheet.numbers[f"{side}_trk"],
            vertical_rate_mps=sheet.numbers[f"{side}_vs_ms"],
        )
        for side in ("own", "int")
    )
    return ReadPairs(pairs=(own, intruder), problems=())
