"""The commands by which officers speak of items and conflicts: ack, object, propose, counter, accept.

Each is signed with the officer's key, here, and goes into the log of the party. Only click is imported at
the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from keepclear.cli_client import node_options, opened_node
from keepclear.cli_io import EXIT_CLEAR, EXIT_CONFLICT, Command, add_options, put, say
from keepclear.cli_officer import (
    Officer,
    agreement_of,
    changes_text,
    conflict_text,
    json_option,
    officer_options,
    say_deed,
)

if TYPE_CHECKING:
    from keepclear.adapters.http.talking import Coordinated, DeedTold, Negotiation, TalkClient
    from keepclear.codec.reading import Item
    from keepclear.core.conflicts import Buffer
    from keepclear.core.deeds import Change
    from keepclear.core.refs import ItemRef

KINDS: Final = ("time", "altitude", "time_and_altitude", "lateral")
_NAME_BYTES: Final = 3
_MS_PER_MINUTE: Final = 60_000


# -- acknowledge and object -------------------------------------------------------------------------


@click.command()
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option(
    "--all", "is_all", is_flag=True, help="Everything of others that none of your officers has seen."
)
@officer_options()
@node_options()
@click.pass_context
def ack(ctx: click.Context, ids: tuple[str, ...], is_all: bool) -> None:
    """Acknowledge that you have seen these items of others, in the version that the node has now.

    It says that you looked, and nothing else: not that you agree. What you sign is listed first.

    \b
    Examples:
      keepclear ack bravo:patrol-1
      keepclear ack --all
    """
    from keepclear.core.deeds import ACKNOWLEDGED_MAX, Acknowledgement

    if bool(ids) == is_all:
        raise click.UsageError("name items, or say --all")
    with opened_node(ctx) as client:
        found = _unseen(client) if is_all else [client.coordinated(each) for each in dict.fromkeys(ids)]
        if not found:
            put(b"everything has been seen\n")
            ctx.exit(EXIT_CLEAR)
        for item in found:
            say(f"{item.id}, version {item.ref.version}: {item.state}")
        officer = Officer.of(ctx)
        refs = [ref_of(item) for item in found]
        for start in range(0, len(refs), ACKNOWLEDGED_MAX):
            say_deed(client, officer, Acknowledgement(items=tuple(refs[start : start + ACKNOWLEDGED_MAX])))
    put("".join(f"seen: {item.id}, version {item.ref.version}\n" for item in found).encode())


def _unseen(client: TalkClient) -> list[Coordinated]:
    """Return the items of others that no officer of this party has seen."""
    own = client.party
    return [
        item
        for item in client.coordination()
        if item.ref.party != own and any(r.party == own and r.seen is None for r in item.receipts)
    ]


def ref_of(item: Coordinated) -> ItemRef:
    """Return the version of an item that a node told of.

    Raises:
        InvalidValueError: It is none.
    """
    from keepclear.core.intents import ItemId, PartyId
    from keepclear.core.refs import ItemRef

    ref = item.ref
    return ItemRef(party=PartyId(ref.party), id=ItemId(ref.id), version=ref.version)


@click.command("object")
@click.argument("item_id", metavar="ID")
@click.argument("reason", metavar="REASON")
@officer_options()
@node_options()
@click.pass_context
def object_to(ctx: click.Context, item_id: str, reason: str) -> None:
    """Object to an item of another party. It stays declared: only its owner changes it.

    \b
    Examples:
      keepclear object bravo:patrol-1 "it crosses our hospital flight"
    """
    from keepclear.core.deeds import Objection

    with opened_node(ctx) as client:
        item = client.coordinated(item_id)
        say_deed(client, Officer.of(ctx), Objection(item=ref_of(item), reason=reason))
    put(f"objected to {item.id}, version {item.ref.version}\n".encode())


# -- propose ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How an item would change.

    Attributes:
        suggest: The kind of the smallest change that the node finds; None for any.
        by_minutes: A shift in time, later where positive.
        up_m: A shift in altitude, higher where positive, metres.
        file: A file with the items as they would be.
    """

    suggest: str | None
    by_minutes: float | None
    up_m: float | None
    file: str | None

    def __post_init__(self) -> None:
        is_shift = self.by_minutes is not None or self.up_m is not None
        if sum((self.suggest is not None, is_shift, self.file is not None)) > 1:
            raise click.UsageError("give one of --suggest, --file, and --by-minutes with --up-m")


def _change_options() -> Command:
    return add_options(
        click.option(
            "--suggest",
            type=click.Choice(KINDS),
            help="The smallest change of this kind that clears it.  [default: the first kind there is]",
        ),
        click.option(
            "--by-minutes", type=float, metavar="N", help="Later by N minutes; earlier where negative."
        ),
        click.option("--up-m", type=float, metavar="N", help="Higher by N metres; lower where negative."),
        click.option("--file", metavar="FILE", help="The items as they would be; theirs with party:id."),
        click.option(
            "--name",
            metavar="TEXT",
            help="The end of the proposal's id, used once.  [default: chosen at random]",
        ),
    )


@click.command()
@click.argument("item_id", metavar="ITEM")
@click.argument("other_id", metavar="OTHER")
@_change_options()
@officer_options()
@node_options()
@click.pass_context
def propose(
    ctx: click.Context,
    item_id: str,
    other_id: str,
    suggest: str | None,
    by_minutes: float | None,
    up_m: float | None,
    file: str | None,
    name: str | None,
) -> None:
    """Propose to the other party how ITEM could change, so that it does not conflict with OTHER.

    One of the two is yours, one theirs; ITEM may be either. Without more, the node is asked for the
    smallest change of ITEM that clears it. Nothing changes before the other side accepts; what is yours
    is then amended by your node, what is theirs by theirs.

    \b
    Examples:
      keepclear propose airdrop-1 bravo:patrol-1
      keepclear propose bravo:patrol-1 airdrop-1 --suggest altitude
      keepclear propose airdrop-1 bravo:patrol-1 --by-minutes 30 --name later
    """
    how = How(suggest=suggest, by_minutes=by_minutes, up_m=up_m, file=file)
    with opened_node(ctx) as client:
        item, other = client.coordinated(item_id), client.coordinated(other_id)
        _say_proposal(ctx, client, item, other, how, name, None)


@click.command()
@click.argument("proposal", metavar="PROPOSAL")
@click.argument("item_id", metavar="[ITEM]", required=False)
@_change_options()
@officer_options()
@node_options()
@click.pass_context
def counter(
    ctx: click.Context,
    proposal: str,
    item_id: str | None,
    suggest: str | None,
    by_minutes: float | None,
    up_m: float | None,
    file: str | None,
    name: str | None,
) -> None:
    """Answer PROPOSAL by another one: change ITEM so, instead.

    ITEM is one of the two that conflict; without it, the one that PROPOSAL would change.

    \b
    Examples:
      keepclear counter alpha/later --by-minutes 15
      keepclear counter alpha/later patrol-1 --suggest altitude
    """
    from keepclear.core.errors import InvalidValueError

    how = How(suggest=suggest, by_minutes=by_minutes, up_m=up_m, file=file)
    with opened_node(ctx) as client:
        told = _proposal(client, proposal)
        first, second = (client.coordinated(_local_id(client, ref.party, ref.id)) for ref in told.conflict)
        changed = told.changes[0].item
        named = item_id or _local_id(client, changed.party, changed.id)
        if named not in (first.id, second.id):
            raise InvalidValueError(named, f"the conflict is of {first.id} and {second.id}; name one of them")
        item, other = (first, second) if named == first.id else (second, first)
        _say_proposal(ctx, client, item, other, how, name, proposal)


def _local_id(client: TalkClient, party: str, item_id: str) -> str:
    """Return how a node calls an item: its own by their ids, those of others with their party."""
    return item_id if party == client.party else f"{party}:{item_id}"


def _proposal(client: TalkClient, named: str) -> Negotiation:
    """Return a proposal.

    Raises:
        InvalidValueError: There is none with this id.
    """
    from keepclear.core.errors import InvalidValueError

    for each in client.negotiations():
        if each.id == named:
            return each
    raise InvalidValueError(named, "no proposal with this id has arrived; see keepclear negotiations")


def _say_proposal(
    ctx: click.Context,
    client: TalkClient,
    item: Coordinated,
    other: Coordinated,
    how: How,
    name: str | None,
    counters: str | None,
) -> None:
    """Make a proposal, sign it and say it.

    Raises:
        InvalidValueError: It can be none.
    """
    import secrets

    from keepclear.core.deeds import Proposal, proposal_id
    from keepclear.core.intents import PartyId

    first, second = sorted((ref_of(item), ref_of(other)))
    proposal = Proposal(
        id=proposal_id(PartyId(client.party), name or secrets.token_hex(_NAME_BYTES)),
        conflict=(first, second),
        changes=tuple(_changes(client, item, other, how)),
        counters=counters,
    )
    said = say_deed(client, Officer.of(ctx), proposal)
    put(f"proposed to {proposal.to}: {proposal.id}\n".encode())
    for each in client.negotiations(is_open=True):
        if each.id == proposal.id:
            put(f"{changes_text(each)}\n".encode())
    _say_changed(said)


def _changes(client: TalkClient, item: Coordinated, other: Coordinated, how: How) -> Sequence[Change]:
    """Return what items would become.

    Raises:
        InvalidValueError: A file cannot be used, an item cannot be moved so, or nothing clears it.
    """
    from keepclear.codec.told import item_of
    from keepclear.core.resolution import shifted_item

    if how.file is not None:
        return _changes_of_file(how.file, (item, other))
    if how.by_minutes is None and how.up_m is None:
        return [_change(item, _suggested(client, item, other, how.suggest))]
    moved = shifted_item(
        item_of(client.item(item.id).item),
        time_ms=round((how.by_minutes or 0.0) * _MS_PER_MINUTE),
        altitude_m=how.up_m or 0.0,
    )
    return [_change(item, moved)]


def _change(told: Coordinated, becomes: Item) -> Change:
    """Return a change, with the item as its owner calls it."""
    from keepclear.codec.f3548.volumes import encode_item
    from keepclear.core.deeds import Change

    ref = ref_of(told)
    return Change(item=ref, becomes=encode_item(dataclasses.replace(becomes, id=ref.id, party=ref.party)))


def _changes_of_file(file: str, items: Sequence[Coordinated]) -> list[Change]:
    from keepclear.core.errors import InvalidValueError
    from keepclear.main import load

    gathered = load([file])
    if gathered.problems:
        raise InvalidValueError(file, "; ".join(str(problem) for problem in gathered.problems))
    named = {item.id: item for item in items}
    for each in gathered.items:
        if each.id not in named:
            known = " and ".join(named)
            raise InvalidValueError(file, f"{each.id!r} is not of this conflict; it is of {known}")
    return [_change(named[each.id], each) for each in gathered.items]


def _suggested(client: TalkClient, item: Coordinated, other: Coordinated, kind: str | None) -> Item:
    """Return an item with the smallest change that clears it, with the gap that both parties agreed.

    Raises:
        InvalidValueError: There is none.
        NodeAnswerError: What the node answers is no resolution.
    """
    from keepclear.adapters.http.client import NodeAnswerError
    from keepclear.codec.told import resolution_of
    from keepclear.core.errors import InvalidValueError

    limits = {"not_before": _earliest(client)}
    told = client.resolve(item.id, limits=limits, buffer=_agreed_gap(client, item, other))
    try:
        resolution = resolution_of(told)
    except InvalidValueError as error:
        raise NodeAnswerError(client.url, str(error)) from None
    found = [each for each in resolution.changes if kind in (None, each.kind.value)]
    if not found:
        what = f"change of {kind.replace('_', ' ')}" if kind else "change"
        reason = f"the node finds no {what} that clears it; give one with --by-minutes, --up-m or --file"
        raise InvalidValueError(item.id, reason)
    return found[0].item


def _earliest(client: TalkClient) -> str:
    from keepclear.core.times import rfc3339

    return rfc3339(client.session().now)  # nothing can be moved into the past


def _agreed_gap(client: TalkClient, item: Coordinated, other: Coordinated) -> Buffer | None:
    """Return the gap that two parties agreed to keep, wider while their line is on hold; None for none."""
    from keepclear.core.agreements import buffer_between

    between = {item.ref.party, other.ref.party}
    for told in client.agreements():
        if told.in_force and set(told.between) == between:
            is_hold = any({each.by, each.peer} == between for each in client.holds())
            return buffer_between(agreement_of(told), is_fallback=is_hold)
    return None


def _say_changed(told: DeedTold) -> None:
    """Tell which of the own items an accepted proposal changed, and which not."""
    for each in told.amended:
        put(f"amended: {each.id}, version {each.version}\n".encode())
    for left in told.not_amended:
        say(f"NOT amended: {left.id}: {left.reason}")


# -- answer -----------------------------------------------------------------------------------------


@click.command()
@click.argument("proposal", metavar="PROPOSAL")
@officer_options()
@node_options()
@click.pass_context
def accept(ctx: click.Context, proposal: str) -> None:
    """Accept PROPOSAL. What it changes of your items, your node amends at once.

    Exit codes: 0 done; 1 accepted, but an item could not be amended: amend it yourself.

    \b
    Examples:
      keepclear accept bravo/later
    """
    told = _answer(ctx, proposal, is_accepted=True, reason="")
    put(f"accepted: {proposal}\n".encode())
    _say_changed(told)
    ctx.exit(EXIT_CONFLICT if told.not_amended else EXIT_CLEAR)


@click.command()
@click.argument("proposal", metavar="PROPOSAL")
@click.argument("reason", metavar="[REASON]", default="")
@officer_options()
@node_options()
@click.pass_context
def decline(ctx: click.Context, proposal: str, reason: str) -> None:
    """Decline PROPOSAL. The conflict stays open.

    \b
    Examples:
      keepclear decline bravo/later "the convoy cannot wait"
    """
    _answer(ctx, proposal, is_accepted=False, reason=reason)
    put(f"declined: {proposal}\n".encode())


def _answer(ctx: click.Context, proposal: str, *, is_accepted: bool, reason: str) -> DeedTold:
    from keepclear.core.deeds import Answer

    with opened_node(ctx) as client:
        told = _proposal(client, proposal)
        say(f"{conflict_text(told)}:\n{changes_text(told)}")
        deed = Answer(proposal=proposal, is_accepted=is_accepted, reason=reason)
        return say_deed(client, Officer.of(ctx), deed)


@click.command("withdraw-proposal")
@click.argument("proposal", metavar="PROPOSAL")
@officer_options()
@node_options()
@click.pass_context
def withdraw_proposal(ctx: click.Context, proposal: str) -> None:
    """Take back PROPOSAL, which is yours.

    \b
    Examples:
      keepclear withdraw-proposal alpha/later
    """
    from keepclear.core.deeds import Withdrawal

    with opened_node(ctx) as client:
        say_deed(client, Officer.of(ctx), Withdrawal(proposal=proposal))
    put(f"withdrawn: {proposal}\n".encode())


@click.command()
@click.option("--open", "is_open", is_flag=True, help="Only those that wait for an answer.")
@node_options()
@json_option()
@click.pass_context
def negotiations(ctx: click.Context, is_open: bool, as_json: bool) -> None:
    """List what was proposed for conflicts, what would change, and where each proposal stands.

    \b
    Examples:
      keepclear negotiations --open
    """
    import msgspec

    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import rows_table

    with opened_node(ctx) as client:
        found = list(client.negotiations(is_open=is_open))
    if as_json:
        put(pretty_json({"node": client.url, "negotiations": [msgspec.to_builtins(each) for each in found]}))
        return
    if not found:
        put(b"nothing was proposed\n")
        return
    rows = [(each.id, _standing(each), conflict_text(each), changes_text(each)) for each in found]
    put(rows_table(("proposal", "state", "conflict", "what would change"), rows))


def _standing(told: Negotiation) -> str:
    parts = [told.state]
    if told.answer is not None and told.answer.reason:
        parts.append(told.answer.reason)
    if told.counters is not None:
        parts.append(f"counters {told.counters}")
    return "; ".join(parts)
