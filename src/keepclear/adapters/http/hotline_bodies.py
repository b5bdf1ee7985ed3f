"""From what the hotline says to the bodies of answers."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Final

import msgspec

from keepclear.adapters.federation.federation import LinkView
from keepclear.adapters.http import wire_hotline as wire
from keepclear.adapters.http.log_bodies import hold_body, time_of
from keepclear.adapters.http.wire import BufferBody
from keepclear.adapters.http.wire_logs import Hold as HoldTold
from keepclear.codec.catalogue.body import catalogue_body
from keepclear.codec.catalogue.rendering import Phrase, differing, phrase_texts, texts_of
from keepclear.codec.catalogue.texts import Language, title, word
from keepclear.codec.messages import wire_message
from keepclear.core.deeds import Deed, Heard
from keepclear.core.dialogues import Dialogue, HeardSaid, OnDuty, Place, Sent
from keepclear.core.drills import Drill
from keepclear.core.errors import InvalidValueError
from keepclear.core.hotline import line_tested_ms
from keepclear.core.intents import PartyId
from keepclear.core.ledger import Hold
from keepclear.core.messages import Code, Message, Position, Step
from keepclear.core.refs import MessageRef
from keepclear.core.split import Breach
from keepclear.core.whereabouts import compare_spoken
from keepclear.node.channel_views import ChannelShown, Tested
from keepclear.node.detect import BREACHES_MAX
from keepclear.node.hotline_views import DrillView, MessageView

SENTENCES_KEPT_MAX: Final = 5_000
"""So many messages are kept as sentences, in every language, those that were asked for last."""

MISHEARD_TOLD_MAX: Final = 5
"""So many of the times that a message was heard differently are told with it, the last ones; how many more
there are is told with the first of them."""


# -- sentences --------------------------------------------------------------------------------------


def texts_body(texts: Mapping[str, str]) -> wire.Texts:
    """Return a sentence in each language."""
    return wire.Texts(en=texts["en"], ru=texts["ru"], ar=texts["ar"])


@functools.lru_cache(SENTENCES_KEPT_MAX)
def sentences(message: Message, ref: MessageRef | None) -> wire.Texts:
    """Return what a message says in each language; nobody changes it."""
    return texts_body(texts_of(message, ref))


@functools.cache
def catalogue() -> bytes:
    """Return the whole catalogue as JSON."""
    return msgspec.json.encode(catalogue_body())


@functools.cache
def titles(code: Code) -> wire.Texts:
    """Return what a kind of message is called in each language; nobody changes it."""
    return texts_body({language.value: title(code, language) for language in Language})


def _words(member: Enum) -> wire.Texts:
    return texts_body({language.value: word(member, language) for language in Language})


def draft_texts(deed: Deed) -> wire.Texts | None:
    """Return what a deed says in each language, where it is a message or what was heard of one."""
    match deed:
        case Message():
            return sentences(deed, None)
        case Heard(n=None):
            return sentences(deed.message, None)
        case Heard(n=int(n)):
            return sentences(deed.message, MessageRef(party=deed.by, n=n))
        case _:
            return None


# -- messages ---------------------------------------------------------------------------------------


def message_ref_body(ref: MessageRef) -> wire.MessageRef:
    """Return a reference to a message."""
    return wire.MessageRef(party=ref.party, n=ref.n)


def _ref(ref: MessageRef | None) -> wire.MessageRef | None:
    return None if ref is None else message_ref_body(ref)


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else time_of(at_ms)


def message_body(view: MessageView, warnings: Sequence[wire.Warned] = ()) -> wire.Message:
    """Return a message and what became of it."""
    sent, dialogue = view.sent, view.dialogue
    message, wired = sent.message, wire_message(sent.message)
    return wire.Message(
        ref=message_ref_body(sent.ref),
        number=str(sent.ref),
        code=message.code.value,
        to=message.to,
        fields={} if wired.fields is msgspec.UNSET else wired.fields,
        answers=_ref(message.answers),
        corrects=_ref(message.corrects),
        priority=message.priority.value,
        valid_until=time_of(message.valid_until_ms),
        drill=message.drill,
        sent_at=time_of(sent.at_ms),
        person=sent.person,
        by_voice=sent.by_voice,
        titles=titles(message.code),
        texts=sentences(message, sent.ref),
        state=None if view.state is None else view.state.value,
        delivered=view.is_delivered,
        delivered_at=_time(view.delivered_ms),
        seen=None
        if dialogue.seen is None
        else wire.Seen(person=dialogue.seen.person, at=time_of(dialogue.seen.at_ms), n=dialogue.seen.n),
        stood_by=None if dialogue.stood_by is None else _stood(dialogue.stood_by),
        answer=None if dialogue.answer is None else _answered(dialogue.answer),
        replies=[message_ref_body(reply.ref) for reply in dialogue.replies],
        corrected_by=None if dialogue.corrected_by is None else message_ref_body(dialogue.corrected_by.ref),
        steps=[_step(*step) for step in dialogue.steps],
        timed_out_at=_time(dialogue.timed_out_ms),
        due=wire.MessageDue(seen_at=_time(view.due.seen_ms), answered_at=_time(view.due.answered_ms)),
        late=view.is_late,
        delayed=view.is_delayed,
        expired=view.is_expired,
        heard=dialogue.heard,
        ours=view.is_ours,
        can_answer=[code.value for code in view.can_answer],
        warnings=[*_of_answers(view), *_misheard(view), *warnings],
    )


def _stood(sent: Sent) -> wire.Stood:
    return wire.Stood(person=sent.person, at=time_of(sent.at_ms), ref=message_ref_body(sent.ref))


def _answered(sent: Sent) -> wire.Answered:
    return wire.Answered(
        person=sent.person,
        at=time_of(sent.at_ms),
        code=sent.message.code.value,
        ref=message_ref_body(sent.ref),
    )


def _step(step: Step, called: str | None, at_ms: int) -> wire.StepTaken:
    return wire.StepTaken(step=step.value, called=called, at=time_of(at_ms))


def _of_answers(view: MessageView) -> Iterator[wire.Warned]:
    """Yield what is odd about the answers: one that this party did not give, and one that was changed."""
    claimed, changed, sent = view.dialogue.claimed, view.dialogue.changed, view.sent
    if claimed is not None:
        yield wire.Warned(
            kind="answer_claimed",
            texts=texts_body(phrase_texts(Phrase.ANSWER_CLAIMED, {"party": sent.ref.party})),
            heard=sentences(claimed.message, claimed.ref),
            answer=_answered(claimed),
        )
    if changed is not None:
        yield wire.Warned(
            kind="answer_changed",
            texts=texts_body(phrase_texts(Phrase.ANSWER_CHANGED, {"party": sent.message.to})),
            answer=_answered(changed),
        )


def unnumbered_body(said: HeardSaid, own: PartyId, now_ms: int) -> wire.Unnumbered:
    """Return what was written down by voice without its number."""
    heard, message = said.heard, said.heard.message
    wired = wire_message(message)
    return wire.Unnumbered(
        heard_by=said.party,
        n=said.n,
        person=said.person,
        heard_at=time_of(said.at_ms),
        by=heard.by,
        to=message.to,
        code=message.code.value,
        fields={} if wired.fields is msgspec.UNSET else wired.fields,
        priority=message.priority.value,
        valid_until=time_of(message.valid_until_ms),
        expired=message.valid_until_ms < now_ms,
        drill=message.drill,
        sent_at=time_of(heard.at_ms),
        ours=heard.by == own,
        titles=titles(message.code),
        texts=sentences(message, None),
        warning=texts_body(phrase_texts(Phrase.UNNUMBERED, {"party": said.party})),
    )


def _misheard(view: MessageView) -> list[wire.Warned]:
    shown = view.misheard[-MISHEARD_TOLD_MAX:]
    more = len(view.misheard) - len(shown)
    warned = [heard_differently(view.sent.message, said.heard.message, said.party) for said in shown]
    for each, said in zip(warned, shown, strict=True):
        each.heard = sentences(said.heard.message, view.sent.ref)
    if more:
        warned[0].more = more
    return warned


def heard_differently(meant: Message, heard: Message, party: PartyId) -> wire.Warned:
    """Return that a party wrote down something else than was meant, and how far off a place is.

    Where several are, the farthest counts.
    """
    texts = phrase_texts(Phrase.HEARD_DIFFERENTLY, {"party": party})
    warned = wire.Warned(kind="heard_differently", texts=texts_body(texts))
    spoken = heard.values
    apart = [
        (compare_spoken(value, other), name, other)
        for name, value in meant.fields
        if isinstance(value, Position) and isinstance(other := spoken.get(name), Position) and other != value
    ]
    if apart:
        offset, warned.field, place = max(apart, key=lambda each: each[0].distance_m)
        warned.distance_m, warned.bearing_deg = offset.distance_m, offset.bearing_deg
        far = phrase_texts(Phrase.POSITION_DIFFERS, differing(place, offset))
        warned.texts = texts_body({language: f"{text} {far[language]}" for language, text in texts.items()})
    return warned


# -- channels ---------------------------------------------------------------------------------------


def channel_body(shown: ChannelShown, link: LinkView | None, breaches: Sequence[Breach]) -> wire.Channel:
    """Return the channel to a party.

    Args:
        shown: How it is.
        link: The link to its node; None where there is none.
        breaches: What breaks altitude splits, those between other parties too.
    """
    return wire.Channel(
        party=shown.party,
        state=shown.state.value,
        since=_time(shown.since_ms),
        reasons=[wire.ChannelReason(code=reason.value, texts=_words(reason)) for reason in shown.reasons],
        theirs=None
        if shown.theirs is None or shown.their_state is None
        else wire.ChannelSaid(state=shown.their_state.value, at=time_of(shown.theirs.since_ms)),
        differs=shown.differs,
        link=None if link is None else "off" if link.link.is_switched_off else link.state.value,
        unheard_s=None if link is None else link.unheard_s,
        hold=wire.Holds(ours=_hold(shown.hold_ours), theirs=_hold(shown.hold_theirs)),
        fallback=_fallback_body(shown, breaches),
        machine_test=None if shown.machine_test is None else _machine_test(shown.machine_test),
        human_test=None if shown.human_test is None else _human_test(shown.human_test),
        on_duty=wire.Rosters(
            ours=[_duty_body(duty) for duty in shown.on_duty_ours],
            theirs=[_duty_body(duty) for duty in shown.on_duty_theirs],
        ),
        received=wire.ReceivedTold(ours_by_them=shown.ours_by_them, theirs_by_us=shown.theirs_by_us),
        waiting=wire.Waiting(
            count=shown.waiting.count,
            oldest_at=_time(shown.waiting.oldest_ms),
            priority=None if shown.waiting.priority is None else shown.waiting.priority.value,
        ),
    )


def _fallback_body(shown: ChannelShown, breaches: Sequence[Breach]) -> wire.FallbackTold:
    gap, halves = shown.gap, shown.halves
    sides = () if halves is None else (halves.below, halves.above)
    found = [each.item for each in breaches if each.party in sides and each.peer in sides]
    return wire.FallbackTold(
        applies=shown.is_fallback,
        since=_time(shown.fallback_since_ms),
        buffer=None
        if gap is None
        else BufferBody(lateral_m=gap.lateral_m, vertical_m=gap.vertical_m, time_s=gap.time_s),
        split=None if halves is None else wire.Split(below=halves.below, altitude_m=halves.altitude_m),
        breaches=[str(item) for item in found[:BREACHES_MAX]],
        breach_total=len(found),
    )


def _hold(hold: Hold | None) -> HoldTold | None:
    return None if hold is None else hold_body(hold)


def _machine_test(test: Tested) -> wire.MachineTest:
    return wire.MachineTest(at=time_of(test.at_ms), round_trip_s=test.round_trip_s, ok=test.is_passed)


def _human_test(test: Dialogue) -> wire.HumanTest:
    assert test.answer is not None, "it was answered"
    return wire.HumanTest(
        at=time_of(line_tested_ms(test)), person=test.answer.person, ref=message_ref_body(test.asked.ref)
    )


def _duty_body(duty: OnDuty) -> wire.Duty:
    """Return an officer on duty."""
    return wire.Duty(
        person=duty.person, since=time_of(duty.since_ms), senior=duty.is_senior, telephone=duty.telephone
    )


# -- drills -----------------------------------------------------------------------------------------


def named_drill_body(drill: Drill) -> wire.Drill:
    """Return a drill that a message names."""
    return wire.Drill(
        name=drill.name,
        between=list(drill.between),
        started_at=time_of(drill.started_ms),
        over=drill.is_over,
    )


def drill_body(view: DrillView) -> wire.DrillReport:
    """Return what was exercised in a drill."""
    report = view.report
    return wire.DrillReport(
        name=report.name,
        between=list(report.between),
        started_by=report.started_by,
        started_at=_time(report.started_ms),
        exchanges=[
            wire.DrillExchange(
                message=message_body(message),
                seen_after_s=exchange.seen_after_s,
                answered_after_s=exchange.answered_after_s,
                missing=exchange.is_missing,
            )
            for exchange, message in view.exchanges
        ],
        more=len(report.exchanges) - len(view.exchanges),
        said=[wire.DrillSaid(party=party, code=code.value) for party, code in report.said],
        missing=[wire.DrillLine(by=line.role.value, code=line.code.value) for line in view.missing],
        endings=[
            wire.DrillEnding(
                ref=message_ref_body(ending.ref),
                person=ending.person,
                at=time_of(ending.at_ms),
                symbols=ending.symbols,
                same=ending.is_same,
            )
            for ending in report.endings
        ],
        symbols=report.symbols,
    )


# -- places in the list -----------------------------------------------------------------------------


def cursor_of(place: Place | None) -> str | None:
    """Return a place in the list of messages as a text that leads on; only this node reads it."""
    return None if place is None else f"{place[0]}.{place[1].n}.{place[1].party}"


def place_of_cursor(cursor: str | None) -> Place | None:
    """Return the place that a text leads to.

    Raises:
        InvalidValueError: It was not told as `next`.
    """
    if cursor is None:
        return None
    at_ms, _, rest = cursor.partition(".")
    n, _, party = rest.partition(".")
    if not (at_ms.isdecimal() and n.isdecimal() and len(at_ms) + len(n) <= _CURSOR_DIGITS_MAX):
        raise InvalidValueError("before", "it must be the 'next' of the page before")
    try:
        return int(at_ms), MessageRef(party=PartyId(party), n=int(n))
    except InvalidValueError as error:
        raise error.within("before") from None


_CURSOR_DIGITS_MAX: Final = 40
