"""The commands for what two parties hold each other to: agree, hold, resume.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from keepclear.cli_client import node_options, opened_node
from keepclear.cli_hotline import check_party
from keepclear.cli_io import EXIT_CLEAR, EXIT_CONFLICT, put, say
from keepclear.cli_officer import Officer, agreement_of, json_option, officer_options, say_deed

if TYPE_CHECKING:
    from keepclear.adapters.http.talking import Agreement, Hold, TalkClient
    from keepclear.core import agreements as core
    from keepclear.core.escalation import HotlineTimers

_DIGEST_MIN: Final = 6
"""A digest may be cut short to so many characters, if it stays clear which is meant."""


@click.group()
def agree() -> None:
    """Agree with another party on gaps, areas, timers and lead times. Only what both accept applies.

    \b
    Examples:
      keepclear agree propose alpha-bravo.json
      keepclear agree show
      keepclear agree accept 3f9a21
    """


@agree.command("propose")
@click.argument("file", metavar="FILE")
@officer_options()
@node_options()
@click.pass_context
def agree_propose(ctx: click.Context, file: str) -> None:
    """Propose the agreement in FILE (JSON) to the other party that it names.

    Where it names no catalogue of messages, it is proposed with that of this version: so both can prove
    which sentence a message stood for.

    \b
    Examples:
      keepclear agree propose alpha-bravo.json
    """
    from keepclear.core.agreements import digest
    from keepclear.core.deeds import AgreementProposal

    with opened_node(ctx) as client:
        text, agreement = _text_of(file)
        say_deed(client, Officer.of(ctx), AgreementProposal(text=text))
    name = digest(text)
    put(f"proposed version {agreement.version} between {' and '.join(agreement.parties)}\n{name}\n".encode())
    say(f"the other side accepts it with: keepclear agree accept {name[:12]}")


def _text_of(file: str) -> tuple[bytes, core.Agreement]:
    """Read an agreement; return its canonical text, which is what is signed, and what it says.

    One that names no catalogue is taken to name that of this version.

    Raises:
        InvalidValueError: The file cannot be read, or is no agreement.
    """
    from keepclear.adapters.files import read_bytes
    from keepclear.codec.agreements import decode, encode
    from keepclear.codec.catalogue.texts import CATALOGUE_HASH
    from keepclear.core.errors import InvalidValueError

    try:
        agreement = decode(read_bytes(file))
        agreement = replace(agreement, catalogue=agreement.catalogue or CATALOGUE_HASH)
        return encode(agreement), agreement
    except InvalidValueError as error:
        raise error.within(file) from None


@agree.command("accept")
@click.argument("digest", metavar="DIGEST")
@officer_options()
@node_options()
@click.pass_context
def agree_accept(ctx: click.Context, digest: str) -> None:
    """Accept the agreement with this DIGEST, or the beginning of one.

    It is then in force, unless a higher version is. Nobody leaves an agreement alone: both change it by
    a higher version.

    \b
    Examples:
      keepclear agree accept 3f9a21
    """
    _answer(ctx, digest, is_accepted=True, reason="")


@agree.command("decline")
@click.argument("digest", metavar="DIGEST")
@click.argument("reason", metavar="[REASON]", default="")
@officer_options()
@node_options()
@click.pass_context
def agree_decline(ctx: click.Context, digest: str, reason: str) -> None:
    """Decline the agreement with this DIGEST, or the beginning of one.

    \b
    Examples:
      keepclear agree decline 3f9a21 "the buffer is too small at night"
    """
    _answer(ctx, digest, is_accepted=False, reason=reason)


def _answer(ctx: click.Context, named: str, *, is_accepted: bool, reason: str) -> None:
    from keepclear.core.deeds import AgreementAnswer

    with opened_node(ctx) as client:
        found = _named(client, named)
        say(_line(found))
        deed = AgreementAnswer(digest=found.digest, is_accepted=is_accepted, reason=reason)
        say_deed(client, Officer.of(ctx), deed)
    done = "accepted" if is_accepted else "declined"
    put(f"{done} version {found.version} between {' and '.join(found.between)}\n".encode())


def _named(client: TalkClient, named: str) -> Agreement:
    """Return the agreement that is meant.

    Raises:
        InvalidValueError: There is none, or it is not clear which.
    """
    from keepclear.core.errors import InvalidValueError

    own = client.party
    found = [each for each in client.agreements() if own in each.between and each.digest.startswith(named)]
    if len(named) < _DIGEST_MIN or len(found) > 1:
        raise InvalidValueError(named, "it is not clear which is meant; write more of the digest")
    if not found:
        raise InvalidValueError(named, "no agreement with this digest was proposed; see keepclear agree show")
    return found[0]


def _line(told: Agreement) -> str:
    """Tell in a line what an agreement says."""
    from keepclear.codec.words import duration_text, number_text
    from keepclear.core.errors import InvalidValueError

    try:
        terms = agreement_of(told)
    except InvalidValueError:
        return "this version of keepclear cannot tell; see --json"
    gap, minima, split = terms.buffer, terms.minima, terms.fallback.split
    gaps = f"{number_text(gap.lateral_m, 0)} m, {number_text(gap.vertical_m, 0)} m"
    parts = [
        f"gap {gaps}, {duration_text(gap.time_s)}",
        f"minima {number_text(minima.lateral_m, 0)} m, {number_text(minima.vertical_m, 0)} m",
        f"seen within {duration_text(terms.timers.seen_s)}",
        f"answered within {duration_text(terms.timers.answered_s)}",
        f"messages seen within {_seen_within(terms.hotline)}",
        f"on hold x{terms.fallback.minima_factor:g} and +{duration_text(terms.fallback.time_extra_s)}",
        *([f"{split.below} then below {number_text(split.altitude_m, 0)} m"] if split is not None else []),
        *(
            f"{each.party} clears at {each.clearing.speed_mps:g} m/s"
            f" after {duration_text(each.clearing.reaction_s)}"
            for each in terms.terms
        ),
        f"lead {duration_text(terms.lead_s)} ({duration_text(terms.lead_emergency_s)} in an emergency)",
        _catalogue_text(terms),
    ]
    return "; ".join(parts)


def _catalogue_text(terms: core.Agreement) -> str:
    """Tell whether both read messages as the same sentences."""
    from keepclear.codec.catalogue.texts import names_this_catalogue

    if not terms.catalogue:
        return "no catalogue of messages"
    if names_this_catalogue(terms):
        return "messages as in this version"
    return f"MESSAGES OF ANOTHER CATALOGUE ({terms.catalogue[:12]}): sentences may read otherwise here"


def _seen_within(hotline: HotlineTimers) -> str:
    """Tell by when messages are to be read, the most urgent first."""
    from keepclear.codec.words import duration_text
    from keepclear.core.messages import Priority

    return ", ".join(f"{duration_text(hotline.of(each).seen_s)} ({each.value})" for each in Priority)


@agree.command("show")
@click.option("--with", "party", metavar="PARTY", help="Only agreements with this party.")
@node_options()
@json_option()
@click.pass_context
def agree_show(ctx: click.Context, party: str | None, as_json: bool) -> None:
    """Show what was proposed and accepted, what is in force, and what it says.

    \b
    Examples:
      keepclear agree show
      keepclear agree show --with bravo --json
    """
    import msgspec

    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import rows_table

    with opened_node(ctx) as client:
        found = [each for each in client.agreements() if party is None or party in each.between]
    if as_json:
        put(pretty_json({"node": client.url, "agreements": [msgspec.to_builtins(each) for each in found]}))
        return
    if not found:
        put(b"no agreement was proposed\n")
        return
    rows = [
        (" and ".join(each.between), f"{each.version}", each.digest[:12], _standing(each), _line(each))
        for each in found
    ]
    put(rows_table(("between", "version", "digest", "", "what it says"), rows))


def _standing(told: Agreement) -> str:
    if told.in_force:
        return "IN FORCE" + (", but two texts of this version are accepted" if told.ambiguous else "")
    parts = [f"accepted by {', '.join(told.accepted_by)}"] if told.accepted_by else []
    parts += [f"declined by {', '.join(told.declined_by)}"] if told.declined_by else []
    return "; ".join(parts)


@agree.command("compare")
@click.argument("file", metavar="FILE")
@node_options()
@json_option()
@click.pass_context
def agree_compare(ctx: click.Context, file: str, as_json: bool) -> None:
    """Compare the agreement in FILE with the one in force between its parties.

    Exit codes: 0 they are equal; 1 they differ, or none is in force.

    \b
    Examples:
      keepclear agree compare alpha-bravo.json
    """
    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import rows_table
    from keepclear.core.agreements import Difference, differences

    with opened_node(ctx) as client:
        _, ours = _text_of(file)
        current = next((a for a in client.agreements() if a.in_force and a.between == ours.parties), None)
    if current is None:
        say(f"no agreement between {' and '.join(ours.parties)} is in force")
        ctx.exit(EXIT_CONFLICT)
    found: Sequence[Difference] = differences(agreement_of(current), ours)
    if as_json:
        told: list[dict[str, Any]] = [
            {"field": each.field, "in_force": str(each.a), "file": str(each.b)} for each in found
        ]
        put(pretty_json({"node": client.url, "differences": told}))
    elif found:
        rows = [(each.field, str(each.a), str(each.b)) for each in found]
        put(rows_table(("", f"in force (version {current.version})", file), rows))
    else:
        put(f"{file} says what version {current.version} in force says\n".encode())
    ctx.exit(EXIT_CONFLICT if found else EXIT_CLEAR)


# -- the line ---------------------------------------------------------------------------------------


@click.command()
@click.argument("party", metavar="PARTY")
@click.argument("reason", metavar="REASON")
@officer_options()
@node_options()
@click.pass_context
def hold(ctx: click.Context, party: str, reason: str) -> None:
    """Suspend the dialogue with PARTY. Statements go on, are received and logged; gaps grow as agreed.

    It stays so until you resume it, whatever PARTY does.

    \b
    Examples:
      keepclear hold bravo "by order of the ministry"
    """
    _change_line(ctx, party, reason, is_hold=True)


@click.command()
@click.argument("party", metavar="PARTY")
@click.argument("reason", metavar="[REASON]", default="")
@officer_options()
@node_options()
@click.pass_context
def resume(ctx: click.Context, party: str, reason: str) -> None:
    """End your hold of the line with PARTY. The dialogue goes on once neither side holds the line.

    Exit codes: 0 neither side holds it, as far as is known here; 1 PARTY still holds it.

    \b
    Examples:
      keepclear resume bravo
    """
    _change_line(ctx, party, reason, is_hold=False)


def _change_line(ctx: click.Context, party: str, reason: str, *, is_hold: bool) -> None:
    from keepclear.core.deeds import LineChange
    from keepclear.core.intents import PartyId

    with opened_node(ctx) as client:
        deed = LineChange(peer=PartyId(party), is_hold=is_hold, reason=reason)
        check_party(client, party)
        ours, theirs = _holds(client, party)
        if is_hold and ours is not None:
            _refuse_line(f"you hold the line with {party} already, {_since(ours)}")
        if not is_hold and ours is None:
            held = f"; {party} holds it {_since(theirs)}" if theirs is not None else ""
            _refuse_line(f"you do not hold the line with {party}{held}")
        told = say_deed(client, Officer.of(ctx), deed)
        _, theirs = _holds(client, party)
    if is_hold:
        put(f"the line with {party} is on hold: entry {told.n} of your log\n".encode())
        return
    put(f"your hold of the line with {party} is over: entry {told.n} of your log\n".encode())
    if theirs is not None:
        say(f"{party} STILL HOLDS THE LINE, {_since(theirs)}")
        ctx.exit(EXIT_CONFLICT)


def _holds(client: TalkClient, party: str) -> tuple[Hold | None, Hold | None]:
    """Return our hold of the line with a party, and theirs."""
    found = {(each.by, each.peer): each for each in client.holds()}
    return found.get((client.party, party)), found.get((party, client.party))


def _since(hold: Hold) -> str:
    """Tell since when a line is held, and why."""
    from keepclear.core.times import rfc3339

    return f"since {rfc3339(hold.since)}: {hold.reason}"


def _refuse_line(reason: str) -> NoReturn:
    from keepclear.core.errors import InvalidValueError

    raise InvalidValueError("party", f"{reason}; nothing was signed")
