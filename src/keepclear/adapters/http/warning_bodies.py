"""From what is odd about messages to the bodies of warnings, in every language."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from keepclear.adapters.http import wire_hotline as wire
from keepclear.adapters.http.hotline_bodies import heard_differently, sentences, texts_body
from keepclear.adapters.http.log_bodies import ref_body
from keepclear.codec.catalogue.rendering import Phrase, phrase_texts
from keepclear.core.dialogues import Sent
from keepclear.core.messages import Message, Value
from keepclear.core.notice import Affected, CanClear, Lead, LeadTime, NoticeCheck
from keepclear.core.whereabouts import Whereabouts
from keepclear.node.message_warnings import Odd

NAMED_MAX: Final = 5
"""So many aircraft a sentence names; how many more there are is told, and all are in `affected`."""


def warning_bodies(odd: Odd) -> list[wire.Warned]:
    """Return what is odd about a message, the most urgent first."""
    found = [] if odd.is_checked else [_warned("not_checked", Phrase.NOTICE_INCOMPLETE)]
    if odd.notice is not None:
        found += _of_notice(odd, odd.notice)
    return found + [_far(odd, name, where) for name, where in odd.far]


def misheard_body(sent: Sent, heard: Message) -> wire.Warned:
    """Return that something else was written down by voice than this message, which is here."""
    warned = heard_differently(sent.message, heard, sent.message.to)
    warned.heard = sentences(sent.message, sent.ref)
    return warned


def _warned(kind: wire.WarningKind, of: Phrase, **values: Value) -> wire.Warned:
    return wire.Warned(kind=kind, texts=texts_body(phrase_texts(of, values)))


def _far(odd: Odd, name: str, where: Whereabouts) -> wire.Warned:
    if where.offset is None or where.nearest is None:
        warned = _warned("position_far", Phrase.POSITION_FAR)
    else:
        nearest = odd.refs.get(where.nearest.id)
        values: dict[str, Value] = {
            "distance": round(where.offset.distance_m),
            "bearing": round(where.offset.bearing_deg) % 360,
        }
        if nearest is not None:
            values["item"] = nearest
        warned = _warned("position_far", Phrase.POSITION_FAR, **values)
        warned.distance_m, warned.bearing_deg = where.offset.distance_m, where.offset.bearing_deg
        warned.item = None if nearest is None else ref_body(nearest)
    warned.field = name
    return warned


def _of_notice(odd: Odd, notice: NoticeCheck) -> Iterator[wire.Warned]:
    short = [each for each in notice.affected if each.can_clear is CanClear.CANNOT]
    unknown = [each for each in notice.affected if each.can_clear is CanClear.CANNOT_TELL]
    if short:
        worst = short[0]
        assert worst.needs_s is not None, "else it could not be told"
        warned = _warned(
            "notice_short",
            Phrase.NOTICE_SHORT,
            aircraft=_names(short),
            needed=math.ceil(worst.needs_s),
            given=_whole_s(worst.given_s),
        )
        warned.affected = [_affected(odd, each) for each in short]
        yield warned
    if unknown:
        warned = _warned("notice_unknown", Phrase.NOTICE_UNKNOWN, aircraft=_names(unknown))
        warned.affected = [_affected(odd, each) for each in unknown]
        yield warned
    if notice.unknown:
        yield _warned("notice_incomplete", Phrase.NOTICE_INCOMPLETE)
    if notice.lead is not None:
        yield from _late(notice.lead)


def _late(lead: LeadTime) -> Iterator[wire.Warned]:
    given = _whole_s(lead.given_s)
    match lead.lead:
        case Lead.TOO_LATE:
            agreed = math.ceil(lead.emergency_s)
            yield _warned("notice_late", Phrase.NOTICE_LATE, given=given, agreed=agreed)
        case Lead.EMERGENCY:
            agreed = math.ceil(lead.agreed_s)
            yield _warned("notice_emergency", Phrase.NOTICE_EMERGENCY, given=given, agreed=agreed)
        case Lead.IN_TIME:
            pass


def _whole_s(given_s: float) -> int:
    """Return whole seconds, never more than there are; none where it had begun."""
    return max(0, math.floor(given_s))


def _names(affected: Sequence[Affected]) -> str:
    names = ", ".join(
        each.item if each.aircraft in {None, each.item} else f"{each.item} ({each.aircraft})"
        for each in affected[:NAMED_MAX]
    )
    more = len(affected) - NAMED_MAX
    return f"{names} +{more}" if more > 0 else names


_CAN: Final = {CanClear.CAN: True, CanClear.CANNOT: False, CanClear.CANNOT_TELL: None}


def _affected(odd: Odd, each: Affected) -> wire.Affected:
    ref = odd.refs.get(each.item)
    return wire.Affected(
        id=each.item,
        item=None if ref is None else ref_body(ref),
        party=each.party,
        can_clear=_CAN[each.can_clear],
        needs_s=each.needs_s,
        given_s=each.given_s,
        remaining_s=each.remaining_s,
        distance_m=each.distance_m,
        aircraft=each.aircraft,
    )
