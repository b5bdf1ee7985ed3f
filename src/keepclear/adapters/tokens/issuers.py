"""The issuers that are trusted, as an operator states them: keys by themselves, and entries with names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from keepclear.adapters.tokens.gatekeeper import Issuer
from keepclear.adapters.tokens.key_sources import KeySource, keys_of_file, keys_of_url
from keepclear.codec.json_errors import did_you_mean
from keepclear.core.errors import InvalidValueError

_NAMES: Final = ["name", "keys", "subjects"]


def issuers_of(
    trusted: Sequence[str] = (),
    entries: Sequence[Mapping[str, Any]] = (),
    *,
    folder: Path | None = None,
) -> tuple[Issuer, ...]:
    """Return the issuers that are trusted.

    Args:
        trusted: Files or URLs with keys; who has such a key may speak for any subject by any issuer's name
            that no entry has.
        entries: What stands in `[[dss.issuer]]`: `name`, `keys` (a file or URL) and, if not any, `subjects`.
        folder: What files are relative to; None for the current folder.

    Returns:
        The issuers. Files were read; URLs are fetched once the gatekeeper starts.

    Raises:
        InvalidValueError: An entry is not as it must be, a file is not there or holds no public key, or a
            private one, or a URL cannot be used; the field is the entry's or `trust-key`.
    """
    sources: dict[str, KeySource] = {}

    def keys(place: str) -> KeySource:
        if place not in sources:
            sources[place] = _source(place, folder)
        return sources[place]

    found = []
    for place in trusted:
        try:
            found.append(Issuer(name=None, keys=keys(place)))
        except InvalidValueError as error:
            raise InvalidValueError(f"trust-key {place}".rstrip(), error.reason) from None
    for index, entry in enumerate(entries):
        try:
            found.append(
                Issuer(name=_text(entry, "name"), keys=keys(_text(entry, "keys")), subjects=_subjects(entry))
            )
            _refuse_unknown(entry)
        except InvalidValueError as error:
            raise error.within(f"dss.issuer[{index}]") from None
    return tuple(found)


def _source(place: str, folder: Path | None) -> KeySource:
    try:
        if "://" in place:
            return keys_of_url(place)
        return keys_of_file(Path(place) if folder is None else folder / place)
    except InvalidValueError as error:
        raise InvalidValueError(f"keys {place}", error.reason) from None


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidValueError(name, "it is missing, or no text")
    return value


def _subjects(entry: Mapping[str, Any]) -> tuple[str, ...]:
    value = entry.get("subjects")
    if value is None:
        return ()
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        reason = 'it must be a list such as ["uss1", "north-*"]; leave it out for any subject'
        raise InvalidValueError("subjects", reason)
    return tuple(value)


def _refuse_unknown(entry: Mapping[str, Any]) -> None:
    for name in entry:
        if name not in _NAMES:
            raise InvalidValueError(str(name), f"it is not known{did_you_mean(str(name), _NAMES)}")
