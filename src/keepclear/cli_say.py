"""The commands by which officers talk on the hotline: say, answer, read, messages, message.

Each message is signed with the officer's key, here, and goes into the log of the party. Delivered (the other
node has it), seen (an officer read it) and answered are three things, and never mixed up. Only click is
imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NoReturn

import click

from keepclear.cli_client import node_options, opened_hotline, told_faults
from keepclear.cli_hotline import (
    LANGUAGES,
    Number,
    check_party,
    clock_text,
    code_of,
    drill_option,
    language_option,
    message_at,
    message_of,
    ref_of,
    say_text,
    say_warnings,
    send,
    shown,
    warn_of_drill,
    warning_lines,
)
from keepclear.cli_io import EXIT_CLEAR, EXIT_CONFLICT, Quantity, put, say
from keepclear.cli_officer import Officer, json_option, officer_options, say_deed

if TYPE_CHECKING:
    from keepclear.adapters.http.hotlining import AnswerTold, HotlineClient, MessageTold, UnnumberedPage
    from keepclear.core import messages as core
    from keepclear.core.refs import ItemRef, MessageRef

PRIORITIES: Final = ("distress", "safety", "routine")
LISTED: Final = 20
"""So many messages are listed unless more are asked for."""
RING_EVERY_S: Final = 5.0
"""So often a waiting urgent message sounds."""
WATCHED_MAX: Final = 1_000
"""Of so many waiting messages it is looked which are urgent; where there are more, it sounds in any case."""
AGAIN_AFTER_S: Final = 2.0
"""So long after a node was lost it is asked again."""
_LATE_COLOUR: Final = "red"
_NAMED: Final = 5
_SERVER_FAULT: Final = 500
_REPLIES_MAX: Final = 20
"""Of so many replies to a message, the newest, it is looked what they say."""


# -- say --------------------------------------------------------------------------------------------


@click.command("say")
@click.argument("party", metavar="PARTY", required=False)
@click.argument("code", metavar="CODE", required=False)
@click.argument("typed", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option(
    "--list", "is_list", is_flag=True, help="List the codes, or the fields of one: say --list CODE."
)
@click.option("--answers", type=Number(), help="The message that this one answers.")
@click.option("--corrects", type=Number(), help="The message of yours that this one takes the place of.")
@click.option(
    "--priority", type=click.Choice(PRIORITIES), help="More urgent than usual.  [default: that of the code]"
)
@click.option(
    "--valid-for",
    "valid_s",
    type=Quantity("DURATION", "parse_duration_s"),
    help="How long it counts.  [default: as of the code]",
)
@drill_option("It is no more than a part of this exercise.")
@click.option("--yes", "is_sure", is_flag=True, help="Sign it without asking, whatever speaks against it.")
@language_option()
@officer_options()
@node_options()
@json_option()
@click.pass_context
def say_message(
    ctx: click.Context,
    party: str | None,
    code: str | None,
    typed: tuple[str, ...],
    is_list: bool,
    answers: MessageRef | None,
    corrects: MessageRef | None,
    priority: str | None,
    valid_s: float | None,
    drill: str | None,
    is_sure: bool,
    language: str,
    as_json: bool,
) -> None:
    """Send PARTY a message: a code and its fields, so that each side reads it in its own language.

    You see the sentence in every language, and what speaks against it: a position far from everything
    declared, a notice too short for an aircraft. Then you are asked before it is signed.

    \b
    Examples:
      keepclear say --list
      keepclear say --list position_report
      keepclear say bravo notice_operation item=airdrop-1 begins=10:42Z
      keepclear say bravo persons_at at="35 24.0 N 35 54.0 E" radius=500m persons=4 nature=medical
      keepclear say bravo request_level item=bravo:patrol-1 lower=6000ftMSL upper=8000ftMSL
    """
    from keepclear.adapters import clock
    from keepclear.cli_fields import Typing, read_fields
    from keepclear.core.messages import MESSAGES, Code, Priority

    if is_list:
        if code is not None:
            raise click.UsageError("name one code, or none for all")
        with told_faults():
            put(_catalogue(party, language))
        return
    if party is None or code is None:
        raise click.UsageError("name the party and the code; keepclear say --list shows the codes")
    if answers is not None and corrects is not None:
        raise click.UsageError("a message answers one, or corrects one")
    with opened_hotline(ctx) as client:
        chosen, now = code_of(code), clock.now()
        about = answers or corrects
        typing = Typing(now=now, item=lambda name: _item(client, name))
        message = message_of(
            chosen,
            party,
            read_fields(MESSAGES[chosen], typed, typing),
            now=now,
            about=None if about is None else message_at(client, about),
            is_correction=corrects is not None,
            priority=None if priority is None else Priority(priority),
            valid_s=valid_s,
            drill=drill,
        )
        if drill is not None and chosen is not Code.DRILL_START:
            warn_of_drill(client, drill, party)
        _say(client, Officer.of(ctx), message, language, is_sure=is_sure, as_json=as_json)


def _say(
    client: HotlineClient,
    officer: Officer,
    message: core.Message,
    language: str,
    *,
    is_sure: bool,
    as_json: bool,
    asks_if_warned: bool = False,
) -> None:
    import msgspec

    from keepclear.codec.results import pretty_json

    ref = send(client, officer, message, language=language, is_sure=is_sure, asks_if_warned=asks_if_warned)
    if as_json:
        told = message_at(client, ref)
        put(pretty_json({"node": client.url, "message": msgspec.to_builtins(told)}))
    else:
        put(f"sent to {message.to}: {ref}\n".encode())
        _say_undelivered(client, message.to, ref)


def _say_undelivered(client: HotlineClient, party: str, ref: MessageRef) -> None:
    """Tell where a message that was signed cannot get across now."""
    from keepclear.adapters.http.client import NodeAnswerError, NodeRefusedError, NodeUnreachableError

    number = f"{ref.party}:{ref.n}"
    try:
        link = next((each.link for each in client.channels() if each.party == party), None)
    except (NodeAnswerError, NodeRefusedError, NodeUnreachableError):
        say(f"whether it gets across is NOT known; see keepclear message {number}")
        return
    if link in (None, "cut", "off"):
        what = f"there is no link to {party}" if link is None else f"the link to {party} is {link}"
        say(f"NOT delivered: {what}; telephone, or keepclear paper print {number}")


def _item(client: HotlineClient, name: str) -> ItemRef:
    """Return the current version of an item, by its id at the node or with its party before it."""
    from keepclear.core.intents import ItemId, PartyId
    from keepclear.core.refs import ItemRef

    ref = client.coordinated(name.removeprefix(f"{client.party}:")).ref
    return ItemRef(party=PartyId(ref.party), id=ItemId(ref.id), version=ref.version)


def _catalogue(code: str | None, language: str) -> bytes:
    from keepclear.cli_fields import form_of
    from keepclear.codec.catalogue.texts import Language, label, title, word
    from keepclear.core.messages import MESSAGES, Code, Speaker, answers_to

    spoken = Language(language)
    if code is None:
        codes = [each for each in Code if MESSAGES[each].speaker is Speaker.OFFICER]
        lines = [f"{each.value:<20} {shown(title(each, spoken))}" for each in codes]
        return "".join(f"{line}\n" for line in lines).encode()
    chosen = code_of(code)
    of = MESSAGES[chosen]
    lines = [
        f"{chosen.value}: {shown(title(chosen, spoken))}",
        f"  priority: {shown(word(of.priority, spoken))}",
        f"  answered by: {', '.join(each.value for each in answers_to(chosen)) or 'nothing'}",
    ]
    for field in of.fields:
        needed = "" if field.is_needed else ", may be left out"
        lines.append(f"  {field.name}: {shown(label(field, spoken))}{needed}; write {form_of(field.kind)}")
    return "".join(f"{line}\n" for line in lines).encode()


# -- answer and read --------------------------------------------------------------------------------


@click.command()
@click.argument("number", type=Number())
@click.argument("code", metavar="ANSWER")
@click.argument("typed", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--reason", metavar="WORD", help="Why you are unable: too_late, weather, fuel, and so on.")
@click.option("--yes", "is_sure", is_flag=True, help="Sign it without asking, whatever is warned of.")
@language_option()
@officer_options()
@node_options()
@json_option()
@click.pass_context
def answer(
    ctx: click.Context,
    number: MessageRef,
    code: str,
    typed: tuple[str, ...],
    reason: str | None,
    is_sure: bool,
    language: str,
    as_json: bool,
) -> None:
    """Answer the message NUMBER; who answers has read it.

    It is signed as it stands. Where it, or what it answers, is warned of, you are asked before.

    \b
    Examples:
      keepclear answer bravo:17 roger
      keepclear answer bravo:17 unable --reason fuel
      keepclear answer bravo:19 position_report call_sign=RELIEF1 at=35.4N35.9E seen_at=now
    """
    from keepclear.adapters import clock
    from keepclear.cli_fields import Typing, read_fields
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.messages import MESSAGES

    with opened_hotline(ctx) as client:
        asked, chosen = message_at(client, number), code_of(code)
        if chosen.value not in asked.can_answer:
            raise InvalidValueError("answer", _refusal(client, asked, chosen))
        now = clock.now()
        given = (*typed, *([] if reason is None else [f"reason={reason}"]))
        typing = Typing(now=now, item=lambda name: _item(client, name))
        fields = read_fields(MESSAGES[chosen], given, typing)
        say_text(asked.texts[language])
        say_warnings(asked.warnings, language)
        message = message_of(chosen, asked.ref.party, fields, now=now, about=asked)
        _say(
            client,
            Officer.of(ctx),
            message,
            language,
            is_sure=is_sure,
            as_json=as_json,
            asks_if_warned=not asked.warnings,
        )


def _refusal(client: HotlineClient, asked: MessageTold, chosen: core.Code) -> str:
    if asked.to != client.party:
        return f"{asked.number} is for {asked.to}, who alone answers it"
    if asked.corrected_by is not None:
        return (
            f"{asked.number} was corrected by {asked.corrected_by.party} {asked.corrected_by.n}; answer that"
        )
    if asked.answer is not None:
        last = _changed(asked) or asked.answer
        answered = f"{asked.number} was answered by {last.code} ({last.ref.party} {last.ref.n})"
        if asked.can_answer:
            return f"{answered}; that can only be changed now, to {', '.join(asked.can_answer)}"
        return f"{answered}, which cannot be changed; say anything else as a new message"
    if asked.can_answer:
        return f"{asked.code} is answered by {', '.join(asked.can_answer)}, and not by {chosen.value}"
    return (
        f"{asked.code} wants no answer; keepclear read {asked.number.replace(' ', ':')} says that you read it"
    )


@click.command()
@click.argument("numbers", metavar="NUMBER...", nargs=-1, type=Number())
@click.option("--all", "is_all", is_flag=True, help="Every message to you that nobody here has read.")
@language_option()
@officer_options()
@node_options()
@click.pass_context
def read(ctx: click.Context, numbers: tuple[MessageRef, ...], is_all: bool, language: str) -> None:
    """Show messages, and sign that you have read them: that makes them seen. It answers nothing.

    \b
    Examples:
      keepclear read bravo:17
      keepclear read --all
    """
    from keepclear.core.deeds import ACKNOWLEDGED_MAX, MessagesSeen

    if bool(numbers) == is_all:
        raise click.UsageError("name messages, or say --all")
    with opened_hotline(ctx) as client:
        named = [message_at(client, each) for each in dict.fromkeys(numbers)]
        found = _unread(client) if is_all else named
        if not found:
            put(b"everything has been read\n")
            ctx.exit(EXIT_CLEAR)
        for each in found:
            say_text(each.texts[language])
            say_warnings(each.warnings, language)
        officer = Officer.of(ctx)
        for start in range(0, len(found), ACKNOWLEDGED_MAX):
            refs = tuple(ref_of(each) for each in found[start : start + ACKNOWLEDGED_MAX])
            say_deed(client, officer, MessagesSeen(messages=refs))
    put("".join(f"read: {each.number}\n" for each in found).encode())


def _unread(client: HotlineClient) -> list[MessageTold]:
    """Return the messages to this party that none of its officers has read, the oldest first."""
    found = [each for each in client.messages(is_open=True) if _is_unread(each, client.party)]
    return found[::-1]


def _is_unread(told: MessageTold, own: str) -> bool:
    return told.to == own and told.seen is None and told.corrected_by is None


# -- messages ---------------------------------------------------------------------------------------


@click.command()
@click.argument("party", metavar="[PARTY]", required=False)
@click.option("--open", "is_open", is_flag=True, help="Only what waits for an answer, or to be read here.")
@drill_option("Only messages of this exercise.")
@click.option("--machine", "with_machine", is_flag=True, help="Also what nodes say by themselves.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=LISTED, show_default=True, help="So many, the newest."
)
@click.option("--watch", "is_watch", is_flag=True, help="Go on, and sound while urgent ones are not read.")
@language_option()
@node_options()
@json_option()
@click.pass_context
def messages(
    ctx: click.Context,
    party: str | None,
    is_open: bool,
    drill: str | None,
    with_machine: bool,
    limit: int,
    is_watch: bool,
    language: str,
    as_json: bool,
) -> None:
    """List messages, the newest last: what they say, who has them, who has read and who has answered them.

    Exit codes: 0 nothing waits for you; 1 a message to you was not read, or waits for your answer.

    \b
    Examples:
      keepclear messages
      keepclear messages bravo --open
      keepclear messages --watch --language ar
    """
    import msgspec

    from keepclear.codec.results import pretty_json

    def asked(client: HotlineClient) -> list[MessageTold]:
        found = client.messages(party=party, is_open=is_open, drill=drill, with_nodes=with_machine)
        return list(itertools.islice(found, limit))[::-1]

    with opened_hotline(ctx) as client:
        if party is not None and party != client.party:
            check_party(client, party)
        if is_watch:
            _watch(client, lambda: asked(client), party, language, as_json=as_json)
        found, now, own = asked(client), client.session().now, client.party
        heard = client.unnumbered(party, drill, is_open=is_open)
        texts = [] if as_json else [_text(client, each, now, language) for each in found]
    if as_json:
        told = {"messages": [msgspec.to_builtins(each) for each in found], **msgspec.to_builtins(heard)}
        put(pretty_json({"node": client.url, **told}))
    elif found:
        put("".join(texts).encode())
    elif not heard.unnumbered:
        put(b"no messages\n")
    if not as_json:
        put(_unnumbered(heard, now, language).encode())
    ctx.exit(EXIT_CONFLICT if any(_waits(each, own) for each in found) else EXIT_CLEAR)


def _waits(told: MessageTold, own: str) -> bool:
    """Tell whether a message waits for somebody of this party."""
    return told.to == own and (_is_unread(told, own) or told.state in ("open", "standby", "timed_out"))


def _changed(told: MessageTold) -> AnswerTold | None:
    """Return the last answer to a message, where both yes and no were said."""
    return next((each.answer for each in told.warnings if each.kind == "answer_changed"), None)


def _other_replies(client: HotlineClient, told: MessageTold) -> list[MessageTold]:
    """Return the newest replies to a message but its first answer and its first standby, the oldest first."""
    known = [each.ref for each in (told.answer, told.stood_by) if each is not None]
    others = [each for each in told.replies if each not in known]
    return [client.message(each.party, each.n) for each in others[-_REPLIES_MAX:]]


def _again(client: HotlineClient, told: MessageTold, now: datetime) -> list[str]:
    """Tell whether a message that still waits is to be said again."""
    if told.state not in ("open", "standby", "timed_out", "lapsed"):
        return []
    again = [each.sent_at for each in _other_replies(client, told) if each.code == "say_again"]
    return [f"say again {clock_text(at, now)}" for at in again[-1:]]


def _text(client: HotlineClient, told: MessageTold, now: datetime, language: str) -> str:
    """Write a message in three lines: what of whom, what it says, and who did what with it."""
    marks = [
        mark
        for mark, applies in (
            ("LATE", told.late),
            ("delayed", told.delayed),
            ("expired", told.expired),
            ("by voice", told.by_voice),
            ("HEARD OTHERWISE", told.heard is False),
            ("ANSWER CHANGED", _changed(told) is not None),
        )
        if applies
    ]
    state = (told.state or "wants no answer").replace("_", " ")
    standing = ", ".join([state, *_again(client, told, now), *marks])
    head = f"{told.number}  {clock_text(told.sent_at, now)}  {told.priority}  {standing}"
    lines = [head, f"    {shown(told.texts[language])}", f"    {_receipts(told, now)}"]
    lines += [f"    {line}" for line in warning_lines(told.warnings, language)]
    is_red = told.late and sys.stdout.isatty()
    lines = [shown(line) for line in lines]
    return "".join(f"{click.style(line, fg=_LATE_COLOUR) if is_red else line}\n" for line in lines)


def _unnumbered(heard: UnnumberedPage, now: datetime, language: str) -> str:
    """Write what was heard without a number, the newest last."""
    lines = []
    for each in heard.unnumbered[::-1]:
        marks = ", expired" if each.expired else ""
        lines += [
            f"{each.by} to {each.to}, no number  {clock_text(each.sent_at, now)}  {each.priority}{marks}",
            f"    {each.texts[language]}",
            f"    written down {clock_text(each.heard_at, now)} by {each.person} of {each.heard_by}",
            f"    WARNING: {each.warning[language]}",
        ]
    if heard.unnumbered_more:
        lines.append(f"and {heard.unnumbered_more} more without a number")
    return "".join(f"{shown(line)}\n" for line in lines)


def _receipts(told: MessageTold, now: datetime) -> str:
    delivered = "delivered " if told.delivered else "NOT delivered"
    if told.delivered:
        delivered += "yes" if told.delivered_at is None else clock_text(told.delivered_at, now)
    if told.seen is not None:
        seen = f"seen {clock_text(told.seen.at, now)} by {told.seen.person}"
    elif told.due.seen_at is not None:
        seen = f"NOT seen, due {clock_text(told.due.seen_at, now)}"
    else:
        seen = "NOT seen"
    parts = [delivered, seen]
    if told.answer is not None:
        parts.append(
            f"{told.answer.code} {clock_text(told.answer.at, now)} by {told.answer.person or 'voice'}"
        )
        changed = _changed(told)
        if changed is not None:
            by = f"by {changed.person or 'voice'} ({changed.ref.party} {changed.ref.n})"
            parts[-1] += f", then {changed.code.upper()} {clock_text(changed.at, now)} {by}"
    elif told.state in ("open", "standby", "timed_out"):
        due = "" if told.due.answered_at is None else f", due {clock_text(told.due.answered_at, now)}"
        parts.append(f"NOT answered{due}")
    return "; ".join(parts)


def _watch(
    client: HotlineClient,
    asked: Callable[[], list[MessageTold]],
    party: str | None,
    language: str,
    *,
    as_json: bool,
) -> NoReturn:
    """Tell of every message as it comes and changes, until the command is interrupted.

    What is new is asked for when the node says that there is something, and again after the node was lost;
    while it is lost that is said, for what is not told then may be there.
    """
    from keepclear.adapters.http.client import NodeRefusedError, NodeUnreachableError

    told: dict[MessageRef, MessageTold] = {}
    ring = _Ring()
    while True:
        try:
            for signal in itertools.chain(("hotline",), (kind for kind, _ in client.events())):
                if signal in ("hotline", "clock"):  # by the clock alone they become late
                    told = _tell_new(client, asked(), told, language, as_json=as_json)
                    ring.sound(_urgent(client, party))
            reason = "it ended what it told"
        except NodeUnreachableError as error:
            reason = error.reason
        except NodeRefusedError as error:
            if error.status < _SERVER_FAULT:
                raise
            reason = error.detail
        say(f"NOTHING IS HEARD OF THE NODE {client.url}: {reason}; it is asked again")
        time.sleep(AGAIN_AFTER_S)


def _tell_new(
    client: HotlineClient,
    found: Sequence[MessageTold],
    told: Mapping[MessageRef, MessageTold],
    language: str,
    *,
    as_json: bool,
) -> dict[MessageRef, MessageTold]:
    """Tell of what is new or has changed; return what is told now."""
    import msgspec

    now = client.session().now
    for each in found:
        if told.get(ref_of(each)) != each:
            put(msgspec.json.encode(each) + b"\n" if as_json else _text(client, each, now, language).encode())
    return {ref_of(each): each for each in found}


def _urgent(client: HotlineClient, party: str | None) -> list[str]:
    """Name the urgent messages that nobody here has read, however many others came after them."""
    found = list(itertools.islice(client.messages(party=party, is_open=True), WATCHED_MAX + 1))
    names = [each.number for each in found if each.priority != "routine" and _is_unread(each, client.party)]
    if len(found) > WATCHED_MAX:
        names.append(f"over {WATCHED_MAX:,} messages wait, and not all were looked at")
    return names


class _Ring:
    """Sounds the bell of the terminal while urgent messages wait, and not oftener than so."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def sound(self, waiting: Sequence[str]) -> None:
        now_s = time.monotonic()
        if not waiting:
            self._next_s = 0.0  # the next one is heard at once
        elif now_s >= self._next_s:
            self._next_s = now_s + RING_EVERY_S
            more = f", and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else ""
            click.echo(f"\aNOT READ: {shown(', '.join(waiting[-_NAMED:]))}{more}", err=True)


# -- one message ------------------------------------------------------------------------------------


@click.command("message")
@click.argument("number", type=Number())
@click.option(
    "--spoken",
    metavar="POSITION",
    help="A position that was read back to you: how far is it from the one meant?",
)
@node_options()
@json_option()
@click.pass_context
def message_detail(ctx: click.Context, number: MessageRef, spoken: str | None, as_json: bool) -> None:
    """Show all that is known of a message: every language, what speaks against it, and what became of it.

    Exit codes: 0; 1 the position that was spoken is not one of the message.

    \b
    Examples:
      keepclear message bravo:17
      keepclear message bravo:17 --spoken "35 24.0 N 35 54.0 E"
      keepclear message "bravo 17" --json
    """
    import msgspec

    from keepclear.codec.results import pretty_json

    if spoken is not None:
        _compare_spoken(ctx, number, spoken, as_json=as_json)
        return

    with opened_hotline(ctx) as client:
        told, now = message_at(client, number), client.session().now
        if as_json:
            put(pretty_json({"node": client.url, "message": msgspec.to_builtins(told)}))
            return
        lines = [_text(client, told, now, LANGUAGES[0]).rstrip("\n")]
        others = _other_replies(client, told)
    lines += [f"    {shown(told.texts[each])}" for each in LANGUAGES[1:]]
    lines += [f"    {shown(line)}" for line in _timeline(told, others, now)]
    put("".join(f"{line}\n" for line in lines).encode())


def _compare_spoken(ctx: click.Context, number: MessageRef, text: str, *, as_json: bool) -> None:
    """Tell how far a position that was read back is from each that the message means.

    Raises:
        InvalidValueError: It is no position, or the message means none.
    """
    from keepclear.codec.catalogue.rendering import Phrase, differing, phrase
    from keepclear.codec.catalogue.texts import Language
    from keepclear.codec.messages import value_of
    from keepclear.codec.results import pretty_json
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.messages import MESSAGES, Code, Position
    from keepclear.core.positions import degrees_text, read_position
    from keepclear.core.whereabouts import compare_spoken

    with opened_hotline(ctx) as client:
        told = message_at(client, number)
        fields = [each for each in MESSAGES[Code(told.code)].fields if each.name in told.fields]
        values = {each.name: value_of(each, told.fields[each.name]) for each in fields}
        meant = {name: value for name, value in values.items() if isinstance(value, Position)}
        if not meant:
            raise InvalidValueError("spoken", f"message {number} means no position")
        place = read_position(text)
    offsets = {name: compare_spoken(value, place) for name, value in meant.items()}
    if as_json:
        compared = [
            {"field": name, "same": meant[name] == place, **dataclasses.asdict(offset)}
            for name, offset in offsets.items()
        ]
        put(pretty_json({"node": client.url, "spoken": degrees_text(place), "positions": compared}))
    else:
        for name, value in meant.items():
            far = phrase(Phrase.POSITION_DIFFERS, differing(place, offsets[name]), Language.ENGLISH)
            what = "the same" if value == place else f"another one is meant. {shown(far)}"
            put(f"{name}: {degrees_text(value)}, {what}\n".encode())
    ctx.exit(EXIT_CLEAR if place in meant.values() else EXIT_CONFLICT)


def _timeline(told: MessageTold, others: Sequence[MessageTold], now: datetime) -> Iterator[str]:
    """Yield what happened, in its order, by the clocks of those who did it."""
    happened: list[tuple[datetime, str]] = [(told.sent_at, f"sent by {told.person or told.ref.party}")]
    if told.delivered_at is not None:
        happened.append((told.delivered_at, f"delivered to the node of {told.to}"))
    for step in told.steps:
        called = f", to call {step.called}" if step.called else ""
        happened.append((step.at, f"nobody had read it: {step.step.replace('_', ' ')}{called}"))
    if told.seen is not None:
        happened.append((told.seen.at, f"seen by {told.seen.person}, entry {told.seen.n} of {told.to}"))
    if told.stood_by is not None:
        happened.append((told.stood_by.at, f"standby by {told.stood_by.person or 'voice'}"))
    if told.timed_out_at is not None:
        happened.append((told.timed_out_at, "no answer in time"))
    if told.answer is not None:
        ref = told.answer.ref
        by = told.answer.person or "voice"
        happened.append((told.answer.at, f"answered by {by}: {told.answer.code} ({ref.party} {ref.n})"))
    changed = _changed(told)
    for other in others:
        what = "answer changed" if changed is not None and other.ref == changed.ref else "replied"
        happened.append(
            (other.sent_at, f"{what} by {other.person or 'voice'}: {other.code} ({other.number})")
        )
    # Nodes sign in whole seconds when they have something; within a second the order here is the likely one.
    for at, what in sorted(happened, key=lambda each: each[0].replace(microsecond=0)):
        yield f"{clock_text(at, now)}  {what}"
    more = len(told.replies) - len(others) - sum(each is not None for each in (told.answer, told.stood_by))
    if more > 0:
        yield f"and {more} older replies, which are not looked at here"
    if told.corrected_by is not None:
        yield f"corrected by {told.corrected_by.party} {told.corrected_by.n}"
    yield f"counts until {clock_text(told.valid_until, now)}"
