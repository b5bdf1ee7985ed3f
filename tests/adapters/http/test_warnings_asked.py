"""Where the positions of messages lie: looked at once, and kept until something changes."""

from __future__ import annotations

from typing import Any

import pytest

from keepclear.adapters.http import warnings_asked
from keepclear.adapters.http.warnings_asked import Places
from keepclear.core.messages import Code, Nature, Position
from keepclear.core.whereabouts import Whereabouts
from keepclear.node.message_warnings import KEPT_MS
from tests.node.test_message_warnings import DISTRESS, message, moment


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """Return what the function of the module that does the work is asked from now on."""
    found: list[Any] = []
    real = getattr(warnings_asked, name)

    def counting(*given: Any, **named: Any) -> Any:
        found.append(given)
        return real(*given, **named)

    monkeypatch.setattr(warnings_asked, name, counting)
    return found


def test_a_position_is_looked_at_once_until_something_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, places = counted(monkeypatch, "nearest_declared"), Places()
    expected = [("at", Whereabouts(inside=(), nearest=None, offset=None))]
    for _ in range(2):
        assert places.far(DISTRESS, moment()) == expected
    assert len(asked) == 1
    places.far(DISTRESS, moment(seq=2))
    places.far(DISTRESS, moment(seq=2, minutes=KEPT_MS / 60_000.0))
    assert len(asked) == 3


def test_no_more_is_kept_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings_asked, "KEPT_MAX", 3)
    asked, places = counted(monkeypatch, "nearest_declared"), Places()
    many = [
        message(
            Code.DISTRESS,
            call_sign="R1",
            nature=Nature.FIRE,
            at=Position(latitude_e5=n, longitude_e5=0),
        )
        for n in range(4)
    ]
    still = moment()
    for said in many:
        places.far(said, still)
    places.far(many[0], still)
    assert len(asked) == 5
