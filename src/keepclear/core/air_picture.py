"""An air picture: tracks at one instant, and what is known of each besides how it moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from keepclear.core.errors import InvalidValueError
from keepclear.core.motions import TrackArrays
from keepclear.core.rules import Contact

CONTACTS_MAX: Final = 64
"""With so many incidents one track may be in contact."""

Words = tuple[str | None, ...]
"""A word for each track; None where not known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AirPicture:
    """Tracks at one instant, and what is known of each; n of them.

    Words are compared letter by letter. A column may be empty if nothing of it is known.

    Attributes:
        tracks: Where they are and how they move.
        ids: Their ids, each once.
        parties: Whose they are.
        kinds: What they are, for example `drone`, or `incident` for the middle of one.
        formations: What fly together bear the same word.
        contacts: How they stand with incidents: `contact` or `cleared` with all; `cleared:FIRE-1` with the
            incident of that id; several with a semicolon between.

    Raises:
        InvalidValueError: A column has another length, an id is empty or stands twice, or a contact is not
            valid.
    """

    tracks: TrackArrays
    ids: tuple[str, ...]
    parties: Words = ()
    kinds: Words = ()
    formations: Words = ()
    contacts: Words = ()

    def __post_init__(self) -> None:
        n = len(self.tracks)
        if len(self.ids) != n:
            raise InvalidValueError("ids", f"there are {len(self.ids)} for {n} tracks")
        for name in ("parties", "kinds", "formations", "contacts"):
            column = getattr(self, name)
            if not column:
                object.__setattr__(self, name, (None,) * n)
            elif len(column) != n:
                raise InvalidValueError(name, f"there are {len(column)} for {n} tracks")
        seen: set[str] = set()
        for row, track_id in enumerate(self.ids):
            if not track_id or track_id in seen:
                raise InvalidValueError(
                    f"ids[{row}]", f"{track_id!r} stands twice" if track_id else "it is empty"
                )
            seen.add(track_id)
        for row, told in enumerate(self.contacts):
            if told is not None:
                try:
                    contacts_of(told)
                except InvalidValueError as error:
                    raise error.within(f"contacts[{row}]") from None

    def take(self, rows: Sequence[int]) -> AirPicture:
        """Return some of the tracks, with what is known of them.

        Args:
            rows: Their numbers.
        """
        return AirPicture(
            tracks=self.tracks.take(np.array(rows, dtype=np.int64)),
            ids=tuple(self.ids[row] for row in rows),
            parties=tuple(self.parties[row] for row in rows),
            kinds=tuple(self.kinds[row] for row in rows),
            formations=tuple(self.formations[row] for row in rows),
            contacts=tuple(self.contacts[row] for row in rows),
        )


def contacts_of(told: str) -> Mapping[str | None, Contact]:
    """Read how a track stands with incidents.

    Args:
        told: See `AirPicture`.

    Returns:
        By the id of the incident; None stands for all that are not named.

    Raises:
        InvalidValueError: It is something else, or names an incident twice.
    """
    found: dict[str | None, Contact] = {}
    parts = told.split(";") if told.strip() else []
    if len(parts) > CONTACTS_MAX:
        raise InvalidValueError("", f"it names {len(parts)} incidents; at most {CONTACTS_MAX} are taken")
    for part in parts:
        word, colon, incident = part.strip().partition(":")
        try:
            contact = Contact(word.strip())
        except ValueError:
            known = " or ".join(repr(each.value) for each in Contact)
            reason = (
                f"{part.strip()[:40]!r} is no contact; write {known}, and after a colon with which incident"
            )
            raise InvalidValueError("", reason) from None
        key = incident.strip() if colon else None
        if key == "" or key in found:
            raise InvalidValueError(
                "", f"{part.strip()[:40]!r} names no incident, or one that is named before"
            )
        found[key] = contact
    return found
