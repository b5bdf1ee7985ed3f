"""What a node answers, as a client reads it: checked, and with room for fields that it does not know.

Items, findings and resolutions stay plain values: whoever asks decides what to make of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with a request: where, and what."""

    field: str = ""
    reason: str = ""


class By(msgspec.Struct, frozen=True, kw_only=True):
    """Who did something."""

    party: str
    person: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An item as a node holds it; `item` is the item of the API."""

    item: dict[str, Any]
    version: int
    seq: int
    standing: str
    by: By
    at: Instant
    withdrawn: bool


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """An operation on the other party's side of an altitude split; `reach_m` is None without a bound."""

    id: str
    party: str
    peer: str
    stays: str
    altitude_m: float
    reach_m: float | None
    volumes: tuple[int, ...]
    time_start: str
    time_end: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a change led to, what was found of it, and what was assumed."""

    record: Record
    findings: tuple[dict[str, Any], ...] = ()
    breaches: tuple[Breach, ...] = ()
    assumptions: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A change, in the order of the node."""

    seq: int
    kind: str
    record: Record


class EventsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Changes, oldest first; `next` leads to those after them, None for none yet."""

    events: tuple[Event, ...]
    next: int | str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a node answers of conflicts; `next` leads to the findings after these, None for none."""

    answer: str
    findings: tuple[dict[str, Any], ...]
    total: int
    checked: dict[str, Any]
    next: int | str | None = None
    assumptions: tuple[str, ...] = ()
    breaches: tuple[Breach, ...] = ()
    breach_total: int = 0


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Whose node it is, and how it decides."""

    party: str
    name: str
    conflicts: str
    is_demonstration: bool
    version: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who one is at a node, and the node's time."""

    party: str
    person: str
    role: str
    node: NodeInfo
    now: Instant
    speed: float
    seq: int


class ItemsPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of records; `next` leads to those after them, None for none."""

    items: tuple[Record, ...]
    next: str | None = None


class ProblemAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Why a node refuses (RFC 9457), with what Keepclear adds."""

    detail: str = ""
    title: str = ""
    problems: tuple[Problem, ...] = ()
    findings: tuple[dict[str, Any], ...] = ()
    breaches: tuple[Breach, ...] = ()
    record: Record | None = None
