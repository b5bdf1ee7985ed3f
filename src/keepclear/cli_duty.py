"""The commands of those on watch: duty, handover, channel, line-test.

Who is on duty is said to the other parties, because they call by it. Only click is imported at the start;
what a command needs is imported when it runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from keepclear.cli_client import node_options, opened_hotline
from keepclear.cli_hotline import clock_text, language_option, message_at, message_of, send, shown
from keepclear.cli_io import EXIT_CLEAR, EXIT_CONFLICT, Quantity, put, say
from keepclear.cli_officer import (
    OF_OFFICER,
    Officer,
    json_option,
    key_folder,
    known_passphrase,
    officer_options,
    say_deed,
)

if TYPE_CHECKING:
    from keepclear.adapters.http.hotlining import ChannelTold, Duty, HotlineClient
    from keepclear.core.refs import MessageRef

LOOK_EVERY_S: Final = 0.5
"""So often it is looked whether a line test was answered."""
_WELL: Final = "open"


# -- on duty ----------------------------------------------------------------------------------------


def _telephone_given(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse a telephone number that cannot be rung."""
    if value and not any(each.isdecimal() for each in value):
        raise click.BadParameter('it has no digit; give a number, or "" for none', ctx, param)
    return value


@click.group()
def duty() -> None:
    """Say who is on duty; the other parties are told, and call by it.

    \b
    Examples:
      keepclear duty on --telephone "+963 11 555 0101"
      keepclear duty list
    """


@duty.command("on")
@click.option("--senior", "is_senior", is_flag=True, help="You are to be called when others do not answer.")
@click.option(
    "--telephone",
    metavar="NUMBER",
    callback=_telephone_given,
    help='Where you are reached; "" for nowhere.  [default: as you told on this duty]',
)
@officer_options()
@node_options()
@click.pass_context
def duty_on(ctx: click.Context, is_senior: bool, telephone: str | None) -> None:
    """Go on duty, or tell anew how you are on it.

    \b
    Examples:
      keepclear duty on --telephone "+963 11 555 0101"
      keepclear duty on --senior --officer rita
    """
    from keepclear.core.deeds import DutyChange

    with opened_hotline(ctx) as client:
        officer = Officer.of(ctx)
        number = _telephone(telephone, _own_roster(client), officer.person)
        say_deed(client, officer, DutyChange(is_on=True, is_senior=is_senior, telephone=number))
    put(f"on duty: {officer.person}\n".encode())


@duty.command("off")
@officer_options()
@node_options()
@click.pass_context
def duty_off(ctx: click.Context) -> None:
    """Go off duty. It is told where nobody is on duty then.

    \b
    Examples:
      keepclear duty off
    """
    from keepclear.core.deeds import DutyChange

    with opened_hotline(ctx) as client:
        officer = Officer.of(ctx)
        say_deed(client, officer, DutyChange(is_on=False))
        left = _own_roster(client)
    put(f"off duty: {officer.person}\n".encode())
    if left is not None and not left:
        say("NOBODY IS ON DUTY: messages wait until somebody looks")


@duty.command("list")
@node_options()
@json_option()
@click.pass_context
def duty_list(ctx: click.Context, as_json: bool) -> None:
    """List who is on duty, here and at the other parties.

    \b
    Examples:
      keepclear duty list
    """
    import msgspec

    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import rows_table

    with opened_hotline(ctx) as client:
        channels, now, own = client.channels(), client.session().now, client.party
    rosters: dict[str, Sequence[Duty]] = {own: channels[0].on_duty.ours} if channels else {}
    rosters |= {each.party: each.on_duty.theirs for each in channels}
    if as_json:
        told = {party: msgspec.to_builtins(roster) for party, roster in rosters.items()}
        put(pretty_json({"node": client.url, "on_duty": told}))
        return
    rows: list[tuple[str, ...]] = []
    for party, roster in rosters.items():
        rows += [
            (party, each.person, "senior" if each.senior else "", clock_text(each.since, now), each.telephone)
            for each in roster
        ] or [(party, "NOBODY", "", "", "")]
    if not rows:
        put(b"no other party is known\n")
        return
    put(rows_table(("party", "on duty", "", "since", "telephone"), rows))


def _telephone(given: str | None, roster: Sequence[Duty] | None, person: str) -> str:
    """Return the number that was given, else the one that this person told on this duty."""
    if given is not None:
        return given
    return next((each.telephone for each in roster or () if each.person == person), "")


def _own_roster(client: HotlineClient) -> Sequence[Duty] | None:
    """Return who of this party is on duty; None where that cannot be told, because there is no channel."""
    channels = client.channels()
    return channels[0].on_duty.ours if channels else None


@click.command()
@click.option("--to", "incoming", metavar="NAME", required=True, help="Who takes over.")
@click.option("--senior", "is_senior", is_flag=True, help="Who takes over is to be called last, too.")
@click.option(
    "--telephone",
    metavar="NUMBER",
    callback=_telephone_given,
    help='Where the one who takes over is reached; "" for nowhere.  [default: as told on this duty]',
)
@click.option(
    "--to-passphrase-file",
    "incoming_file",
    metavar="FILE",
    help="Read the passphrase of the one who takes over from this file of theirs.  [default: asked for]",
)
@officer_options()
@node_options()
@click.pass_context
def handover(
    ctx: click.Context, incoming: str, is_senior: bool, telephone: str | None, incoming_file: str | None
) -> None:
    """Hand the watch over: who takes over goes on duty, every other party is told, each line is tested.

    Both sign, the one who takes over first: so somebody is on duty all the time. You go off duty at the end.

    Exit codes: 0 done; 1 a party could not be told, so tell it by telephone.

    \b
    Examples:
      keepclear handover --to rita
      keepclear handover --officer ann --to rita --telephone "+963 11 555 0102"
    """
    from keepclear.adapters import clock
    from keepclear.adapters.http.client import NodeRefusedError
    from keepclear.core.deeds import DutyChange
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.messages import Code

    untold = []
    with opened_hotline(ctx) as client:
        outgoing = Officer.of(ctx)
        if incoming == outgoing.person:
            raise InvalidValueError("to", f"{incoming} hands over, and cannot take over; name who does")
        roster = _own_roster(client)
        _require_on_duty(outgoing.person, roster)
        taking = _incoming(incoming, incoming_file)
        number = _telephone(telephone, roster, incoming)
        say_deed(client, taking, DutyChange(is_on=True, is_senior=is_senior, telephone=number))
        put(f"on duty: {incoming}\n".encode())
        fields = (("from", outgoing.person), ("by", incoming))
        for peer in [each.id for each in client.parties() if not each.is_own]:
            for officer, code, given in ((outgoing, Code.HANDOVER, fields), (taking, Code.LINE_TEST, ())):
                try:
                    message = message_of(code, peer, given, now=clock.now())
                    put(f"sent to {peer}: {send(client, officer, message)}, {code.value}\n".encode())
                except NodeRefusedError as error:
                    untold.append(peer)
                    say(f"NOT SENT to {peer}: {error}")
        say_deed(client, outgoing, DutyChange(is_on=False))
        put(f"off duty: {outgoing.person}\n".encode())
    ctx.exit(EXIT_CONFLICT if untold else EXIT_CLEAR)


def _require_on_duty(person: str, roster: Sequence[Duty] | None) -> None:
    """Refuse who has no watch to hand over; where there is no other party, nobody calls by it.

    Raises:
        InvalidValueError: The person is not on duty.
    """
    from keepclear.core.errors import InvalidValueError

    names = [each.person for each in roster or ()]
    if roster is not None and person not in names:
        who = f"{', '.join(names)} can hand over" if names else "nobody is; sign keepclear duty on"
        raise InvalidValueError("officer", f"{person} is not on duty, {who}")


def _incoming(name: str, file: str | None) -> Officer:
    """Unlock the key of the one who takes over.

    Raises:
        InvalidValueError: There is none here, or it cannot be unlocked.
    """
    from keepclear.adapters.keys import load_locked_key
    from keepclear.core.errors import InvalidValueError

    key = key_folder().officer(name)
    if not key.is_file():
        reason = f"there is no key {key}; let {name} sign keepclear duty on, and go off duty yourself"
        raise InvalidValueError("to", reason)
    passphrase = known_passphrase(f"the key {key}", file, OF_OFFICER)
    return Officer(person=name, key=load_locked_key(key, passphrase))


# -- the channel ------------------------------------------------------------------------------------


@click.command()
@click.argument("party", metavar="[PARTY]", required=False)
@language_option()
@node_options()
@json_option()
@click.pass_context
def channel(ctx: click.Context, party: str | None, language: str, as_json: bool) -> None:
    """Tell how the channel to each party is, here and as they say, why, and what applies meanwhile.

    Exit codes: 0 every channel is open; 1 one is not.

    \b
    Examples:
      keepclear channel
      keepclear channel bravo --json
    """
    import msgspec

    from keepclear.codec.results import pretty_json
    from keepclear.core.errors import InvalidValueError

    with opened_hotline(ctx) as client:
        found = [each for each in client.channels() if party in (None, each.party)]
        now = client.session().now
        if party is not None and not found:
            raise InvalidValueError("party", f"{party!r} is not paired with this node")
    if as_json:
        put(pretty_json({"node": client.url, "channels": [msgspec.to_builtins(each) for each in found]}))
    elif found:
        lines = [line for each in found for line in _channel_lines(each, now, language)]
        put("".join(f"{shown(line)}\n" for line in lines).encode())
    else:
        put(b"no other party is known\n")
    ctx.exit(EXIT_CLEAR if all(each.state == _WELL for each in found) else EXIT_CONFLICT)


def _channel_lines(told: ChannelTold, now: datetime, language: str) -> Iterator[str]:
    """Yield what is known of a channel, each thing with its age."""
    since = "" if told.since is None else f" since {clock_text(told.since, now)}"
    yield f"{told.party}: {told.state.upper()}{since}"
    for reason in told.reasons:
        yield f"  {reason.texts[language]}"
    if told.theirs is None:
        yield f"  {told.party} has not said how it is there"
    else:
        mark = "; THE TWO DIFFER" if told.differs else ""
        yield f"  {told.party} says: {told.theirs.state}, {clock_text(told.theirs.at, now)}{mark}"
    heard = "" if told.unheard_s is None else f", heard {_age(told.unheard_s)} ago"
    yield f"  link: {told.link or 'none'}{heard}"
    for hold, who in ((told.hold.ours, "held by us"), (told.hold.theirs, f"held by {told.party}")):
        if hold is not None:
            yield f"  {who} since {clock_text(hold.since, now)}: {hold.reason}"
    if told.machine_test is None:
        yield "  no test by the nodes yet"
    else:
        trip = told.machine_test.round_trip_s
        result = "NOT ANSWERED" if told.machine_test.ok is False else "waits for its answer"
        if told.machine_test.ok:
            result = "well" if trip is None else f"well, {trip:.1f} s there and back"
        yield f"  test by the nodes: {_ago(told.machine_test.at, now)}, {result}"
    if told.human_test is None:
        yield "  no test by people yet"
    else:
        yield f"  test by people: {_ago(told.human_test.at, now)}, answered by {told.human_test.person}"
    if told.fallback.applies:
        yield f"  FALLBACK APPLIES{_fallback(told)}"
    if told.fallback.breaches:
        yield f"  in the other's half of the heights: {', '.join(told.fallback.breaches)}"
    for roster, who in ((told.on_duty.ours, "us"), (told.on_duty.theirs, told.party)):
        names = ", ".join(each.person + (" (senior)" if each.senior else "") for each in roster)
        yield f"  on duty at {who}: {names or 'NOBODY'}"
    if told.waiting.count:
        oldest = "" if told.waiting.oldest_at is None else f", the oldest {_ago(told.waiting.oldest_at, now)}"
        yield f"  WAITS FOR YOU: {told.waiting.count}, {told.waiting.priority or 'routine'}{oldest}"


def _fallback(told: ChannelTold) -> str:
    gap = told.fallback.buffer
    parts = []
    if gap is not None:
        parts.append(f"gaps {gap.lateral_m:g} m, {gap.vertical_m:g} m, {gap.time_s:g} s")
    if told.fallback.split is not None:
        split = told.fallback.split
        parts.append(f"{split.below} stays below {split.altitude_m:g} m (W84)")
    return f": {'; '.join(parts)}" if parts else ""


def _age(age_s: float) -> str:
    from keepclear.codec.words import duration_text

    return duration_text(round(max(0.0, age_s)))


def _ago(at: datetime, now: datetime) -> str:
    return f"{_age((now - at).total_seconds())} ago"


@click.command("line-test")
@click.argument("party", metavar="PARTY")
@click.option(
    "--wait",
    "wait_s",
    type=Quantity("DURATION", "parse_duration_s"),
    default="0",
    help="Wait so long for the answer.  [default: do not wait]",
)
@officer_options()
@node_options()
@click.pass_context
def line_test(ctx: click.Context, party: str, wait_s: float) -> None:
    """Test the line to PARTY: whoever is on duty there answers roger. Once in each shift it is due.

    Exit codes: 0 sent, and answered where you waited; 1 no answer in that time.

    \b
    Examples:
      keepclear line-test bravo
      keepclear line-test bravo --wait 2m
    """
    from keepclear.adapters import clock
    from keepclear.core.messages import Code

    with opened_hotline(ctx) as client:
        message = message_of(Code.LINE_TEST, party, now=clock.now())
        ref = send(client, Officer.of(ctx), message)
        put(f"sent to {party}: {ref}\n".encode())
        if wait_s > 0.0 and not _answered(client, ref, wait_s):
            ctx.exit(EXIT_CONFLICT)


def _answered(client: HotlineClient, ref: MessageRef, wait_s: float) -> bool:
    """Wait for an answer, and tell how far the test came."""
    end_s = time.monotonic() + wait_s
    while True:
        told = message_at(client, ref)
        if told.answer is not None:
            took_s = (told.answer.at - told.sent_at).total_seconds()
            put(f"{told.answer.code} by {told.answer.person or 'voice'} after {_age(took_s)}\n".encode())
            return True
        if time.monotonic() >= end_s:
            far = (
                "the node there has it, and nobody answered"
                if told.delivered
                else "it has NOT reached the node there"
            )
            say(f"NO ANSWER to {told.number}: {far}")
            return False
        time.sleep(min(LOOK_EVERY_S, max(0.0, end_s - time.monotonic())))
